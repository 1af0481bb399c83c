// Fuzzes the messenger's frames. The input's first byte says how the rest is
// cut into pieces; wherever it is cut, the same frames come out, and each
// encodes to the bytes that it came from. What is too long is refused by its
// header alone. The frames' version is made this one's, unless the first byte's
// highest bit is set: so stored inputs are frames after a change of it, too.
#include "common/frame.h"

#include <algorithm>
#include <string>
#include <vector>

#include "tests/fuzz/fuzz.h"

namespace {

using ebbrt::FrameHeader;
using ebbrt::FrameParser;
using ebbrt::IOBuf;

/// Less than the longest input, so that there can be more.
constexpr uint32_t kMaxPayload = 256;

// Where they lie in a header.
constexpr size_t kVersionAt = 4;
constexpr size_t kLengthAt = 8;

struct Parsed {
  std::vector<std::string> frames;  // encoded again
  std::string error;
  bool in_frame = false;

  bool operator==(const Parsed&) const = default;
};

Parsed Parse(std::string_view stream, size_t piece_size) {
  Parsed parsed;
  FrameParser parser(kMaxPayload);
  try {
    while (!stream.empty()) {
      auto piece = stream.substr(0, piece_size);
      stream.remove_prefix(piece.size());
      parser.Feed(IOBuf::Copy(piece));
      while (auto frame = parser.Next()) {
        size_t length =
            frame->payload == nullptr ? 0 : frame->payload->ChainLength();
        ebbrt::fuzz::Check(length == frame->header.length,
                           "a frame's payload is as long as its header says");
        ebbrt::fuzz::Check(length <= kMaxPayload, "no payload above the limit");
        parsed.frames.push_back(
            ebbrt::MakeFrame(frame->header, std::move(frame->payload))
                ->ToString());
      }
    }
    parsed.in_frame = parser.InFrame();
  } catch (const ebbrt::BadFrame& error) {
    parsed.error = error.what();
  }
  return parsed;
}

/// The length that a header tells; 0 if not all of the header is there.
uint32_t LengthIn(std::string_view header) {
  if (header.size() < FrameHeader::kSize) return 0;
  uint32_t length = 0;
  for (size_t i = 0; i < sizeof length; ++i) {
    length |= uint32_t{static_cast<uint8_t>(header[kLengthAt + i])} << 8 * i;
  }
  return length;
}

void SetVersions(std::string& stream) {
  const auto version = ebbrt::kProtocolVersion;
  for (size_t at = 0; stream.size() - at >= FrameHeader::kSize;) {
    stream[at + kVersionAt] = static_cast<char>(version);
    stream[at + kVersionAt + 1] = static_cast<char>(version >> 8);
    const size_t length = LengthIn(std::string_view(stream).substr(at));
    at += std::min(FrameHeader::kSize + length, stream.size() - at);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const size_t piece_size = data[0] % 64 + 1;
  std::string stream(ebbrt::fuzz::Text(data + 1, size - 1));
  if (data[0] < 0x80) SetVersions(stream);
  const Parsed whole = Parse(stream, stream.size());
  ebbrt::fuzz::Check(Parse(stream, piece_size) == whole,
                     "where a stream is cut doesn't matter");
  std::string again;
  for (const auto& frame : whole.frames) again += frame;
  ebbrt::fuzz::Check(stream.starts_with(again), "frames encode as they came");
  if (!whole.error.empty()) return 0;
  const auto rest = std::string_view(stream).substr(again.size());
  ebbrt::fuzz::Check(whole.in_frame == !rest.empty(),
                     "every byte is in a frame");
  ebbrt::fuzz::Check(LengthIn(rest) <= kMaxPayload,
                     "a length above the limit is refused at once");
  return 0;
}
