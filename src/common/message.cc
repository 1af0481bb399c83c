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
  return RawMessage(capnp::messageToFlatArray(builder));
}

std::unique_ptr<IOBuf> EncodeMessage(capnp::MessageBuilder& builder) {
  auto words = capnp::messageToFlatArray(builder);
  auto bytes = words.asBytes();
  return IOBuf::Copy(std::as_bytes(std::span(bytes.begin(), bytes.size())),
                     FrameHeader::kSize);
}

}  // namespace ebbrt
