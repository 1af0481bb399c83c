#include "apps/memcached/request_parser.h"

#include <cstring>
#include <utility>

namespace ebbrt::memcached {

RequestParser::Result RequestParser::Next(size_t value_limit) {
  if (rest_ > 0) input_.Skip(std::exchange(rest_, 0));
  if (input_.Size() == 0) return Result::kNeedMore;
  if (static_cast<uint8_t>(input_.Front(1)[0]) != kRequestMagic) {
    return Result::kBadMagic;
  }
  RequestHeader& header = current_.header;
  if (input_.Size() < sizeof header) return Result::kNeedMore;
  std::memcpy(&header, input_.Front(sizeof header).data(), sizeof header);

  size_t extras = header.extras_length;
  size_t key = header.key_length.Get();
  size_t body = header.body_length.Get();
  if (extras + key > body) return Result::kBadLength;
  if (key > kMaxKeyLength) return Result::kBadKey;
  size_t head = sizeof header + extras + key;
  if (input_.Size() < head) return Result::kNeedMore;
  current_.value_length = body - extras - key;
  auto front = input_.Front(head).substr(sizeof header);
  current_.extras = std::as_bytes(std::span(front.substr(0, extras)));
  current_.key = front.substr(extras);
  size_ = sizeof header + body;
  bool too_large = current_.value_length > value_limit;
  if (!too_large && input_.Size() < size_) return Result::kNeedValue;
  rest_ = size_;
  return too_large ? Result::kTooLarge : Result::kRequest;
}

Item::Pointer RequestParser::TakeItem() {
  auto item = Item::Make(current_.key, current_.value_length);
  input_.MoveValueTo(*item, rest_ - current_.value_length);
  rest_ = 0;
  return item;
}

}  // namespace ebbrt::memcached
