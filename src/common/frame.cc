#include "common/frame.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <string>

#include "common/concat.h"

namespace ebbrt {
namespace {

using HeaderBytes = std::array<std::byte, FrameHeader::kSize>;

// Where each field lies. The order is the drawing's in the header.
enum Offset : size_t {
  kMagicAt = 0,
  kVersionAt = 4,
  kKindAt = 6,
  kZero1At = 7,
  kLengthAt = 8,
  kEbbAt = 12,
  kProtocolAt = 16,
  kRequestAt = 24,
  kMethodAt = 28,
  kZero2At = 30,
};

template <std::unsigned_integral T>
void Put(HeaderBytes& bytes, Offset at, T value) {
  for (size_t i = 0; i < sizeof(T); ++i) {
    bytes[at + i] = static_cast<std::byte>(value >> (8 * i));
  }
}

template <std::unsigned_integral T>
T Take(const HeaderBytes& bytes, Offset at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); ++i) {
    value = static_cast<T>(value | static_cast<T>(bytes[at + i]) << (8 * i));
  }
  return value;
}

HeaderBytes Encode(const FrameHeader& header) {
  HeaderBytes bytes{};
  Put(bytes, kMagicAt, FrameHeader::kMagic);
  Put(bytes, kVersionAt, header.version);
  Put(bytes, kKindAt, static_cast<uint8_t>(header.kind));
  Put(bytes, kLengthAt, header.length);
  Put(bytes, kEbbAt, header.ebb);
  Put(bytes, kProtocolAt, header.protocol);
  Put(bytes, kRequestAt, header.request);
  Put(bytes, kMethodAt, header.method);
  return bytes;
}

FrameHeader Decode(const HeaderBytes& bytes) {
  if (Take<uint32_t>(bytes, kMagicAt) != FrameHeader::kMagic) {
    throw BadFrame("not a frame of the messenger (wrong magic)");
  }
  FrameHeader header;
  header.version = Take<uint16_t>(bytes, kVersionAt);
  if (header.version != kProtocolVersion) {
    throw BadFrame(
        Concat({"peer speaks protocol version ", header.version, ", this node ",
                kProtocolVersion,
                "; build front-end and image from the same source"}));
  }
  auto kind = Take<uint8_t>(bytes, kKindAt);
  if (kind < static_cast<uint8_t>(FrameKind::kHello) ||
      kind > static_cast<uint8_t>(FrameKind::kCrossed)) {
    throw BadFrame(Concat({"frame of unknown kind ", kind}));
  }
  header.kind = static_cast<FrameKind>(kind);
  if (Take<uint8_t>(bytes, kZero1At) != 0 ||
      Take<uint16_t>(bytes, kZero2At) != 0) {
    throw BadFrame("frame with reserved bytes set");
  }
  header.length = Take<uint32_t>(bytes, kLengthAt);
  header.ebb = Take<uint32_t>(bytes, kEbbAt);
  header.protocol = Take<uint64_t>(bytes, kProtocolAt);
  header.request = Take<uint32_t>(bytes, kRequestAt);
  header.method = Take<uint16_t>(bytes, kMethodAt);
  return header;
}

}  // namespace

std::unique_ptr<IOBuf> MakeFrame(FrameHeader header,
                                 std::unique_ptr<IOBuf> payload) {
  size_t length = payload == nullptr ? 0 : payload->ChainLength();
  if (length > UINT32_MAX) throw BadFrame("message of 4 GiB or more");
  header.length = static_cast<uint32_t>(length);
  HeaderBytes bytes = Encode(header);
  if (payload != nullptr && !payload->IsShared() &&
      payload->Headroom() >= bytes.size()) {
    payload->Retreat(bytes.size());
    std::copy(bytes.begin(), bytes.end(), payload->WritableData());
    return payload;
  }
  return JoinChains(IOBuf::Copy(bytes), std::move(payload));
}

void FrameParser::Feed(std::unique_ptr<IOBuf> bytes) {
  held_length_ += bytes->ChainLength();
  held_ = JoinChains(std::move(held_), std::move(bytes));
}

std::optional<Frame> FrameParser::Next() {
  if (!header_) {
    if (held_length_ < FrameHeader::kSize) return std::nullopt;
    HeaderBytes bytes;
    held_->CopyOut(bytes);
    FrameHeader header = Decode(bytes);
    if (header.length > max_payload_) {
      throw BadFrame(
          Concat({"frame of ", header.length, " bytes, more than the ",
                  max_payload_, " allowed here"}));
    }
    SplitChain(held_, FrameHeader::kSize);
    held_length_ -= FrameHeader::kSize;
    header_ = header;
  }
  if (held_length_ < header_->length) return std::nullopt;
  Frame frame{*header_, SplitChain(held_, header_->length)};
  held_length_ -= header_->length;
  header_.reset();
  return frame;
}

}  // namespace ebbrt
