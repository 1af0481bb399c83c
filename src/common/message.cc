#include "common/message.h"

#include <cstring>
#include <span>
#include <utility>

#include "common/frame.h"

namespace ebbrt {
namespace {

capnp::ReaderOptions OptionsFor(size_t words) {
  capnp::ReaderOptions options;
  // Every word may be visited once by a copy and a few times by us; more is a
  // message whose pointers overlap on purpose.
  options.traversalLimitInWords = 8 * words + 1024;
  options.nestingLimit = 64;
  return options;
}

using Segments = kj::ArrayPtr<const kj::ArrayPtr<const capnp::word>>;

// A message on the wire is a table of its segments' sizes and the segments: the
// number of segments less one, then each one's words, 32 bits each, filled up
// to a whole word (Cap'n Proto encoding, "Serialization Over a Stream"). The
// machine is little-endian, as the format is.
size_t TableWords(Segments segments) { return segments.size() / 2 + 1; }

size_t FlatWords(Segments segments) {
  size_t words = TableWords(segments);
  for (const auto& segment : segments) words += segment.size();
  return words;
}

/// Writes FlatWords(segments) words, which need not be aligned.
void Flatten(Segments segments, void* to) {
  auto* at = static_cast<std::byte*>(to);
  auto* end_of_table = at + TableWords(segments) * sizeof(capnp::word);
  auto put = [&at](size_t number) {
    auto value = static_cast<uint32_t>(number);
    std::memcpy(at, &value, sizeof(value));
    at += sizeof(value);
  };
  put(segments.size() - 1);
  for (const auto& segment : segments) put(segment.size());
  if (at != end_of_table) put(0);
  for (const auto& segment : segments) {
    size_t size = segment.size() * sizeof(capnp::word);
    std::memcpy(at, segment.begin(), size);
    at += size;
  }
}

}  // namespace

RawMessage::RawMessage(kj::Array<capnp::word> words)
    : words_(std::make_unique<kj::Array<capnp::word>>(std::move(words))),
      reader_(std::make_unique<capnp::FlatArrayMessageReader>(
          words_->asPtr(), OptionsFor(words_->size()))) {}

RawMessage RawMessage::FromBytes(std::unique_ptr<IOBuf> bytes) {
  // A copy: Cap'n Proto wants whole words at aligned addresses, a segment
  // arrives at neither.
  size_t length = bytes == nullptr ? 0 : bytes->ChainLength();
  size_t words = (length + sizeof(capnp::word) - 1) / sizeof(capnp::word);
  auto array = kj::heapArray<capnp::word>(words);
  auto storage = std::as_writable_bytes(std::span(array.begin(), words));
  if (words > 0) {
    std::memset(&array[words - 1], 0, sizeof(capnp::word));
    bytes->CopyOut(storage);
  }
  return RawMessage(std::move(array));
}

RawMessage RawMessage::FromBuilder(capnp::MessageBuilder& builder) {
  Segments segments = builder.getSegmentsForOutput();
  auto array = kj::heapArray<capnp::word>(FlatWords(segments));
  Flatten(segments, array.begin());
  return RawMessage(std::move(array));
}

std::unique_ptr<IOBuf> EncodeMessage(capnp::MessageBuilder& builder) {
  Segments segments = builder.getSegmentsForOutput();
  size_t size = FlatWords(segments) * sizeof(capnp::word);
  auto bytes = IOBuf::Create(FrameHeader::kSize + size, FrameHeader::kSize);
  bytes->Append(size);
  Flatten(segments, bytes->WritableData());
  return bytes;
}

}  // namespace ebbrt
