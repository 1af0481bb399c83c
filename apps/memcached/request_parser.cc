#include "apps/memcached/request_parser.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "apps/memcached/storable.h"

namespace ebbrt::memcached {

void RequestParser::Feed(std::unique_ptr<IOBuf> data) {
  Swallow();
  pending_bytes_ += data->ChainLength();
  AppendCompact(pending_, std::move(data));
  Swallow();
}

void RequestParser::Swallow() {
  size_t n = std::min<uint64_t>(swallow_, pending_bytes_);
  DropFront(pending_, n);
  pending_bytes_ -= n;
  swallow_ -= n;
}

/// Lets the first `n` <= pending_bytes_ bytes lie in the first element.
void RequestParser::MakeContiguous(size_t n) {
  if (pending_->Length() >= n) return;
  auto front = IOBuf::Create(n);
  pending_->CopyOut({front->WritableTail(), n});
  front->Append(n);
  DropFront(pending_, n);
  pending_ = JoinChains(std::move(front), std::move(pending_));
}

RequestParser::Result RequestParser::Next() {
  Swallow();
  if (pending_bytes_ == 0) return Result::kNeedMore;
  if (static_cast<uint8_t>(*pending_->Data()) != kRequestMagic) {
    return Result::kBadMagic;
  }
  if (pending_bytes_ < sizeof(RequestHeader)) return Result::kNeedMore;
  MakeContiguous(sizeof(RequestHeader));
  RequestHeader& header = current_.header;
  std::memcpy(&header, pending_->Data(), sizeof header);

  size_t extras = header.extras_length;
  size_t key = header.key_length.Get();
  size_t body = header.body_length.Get();
  if (extras + key > body) return Result::kBadLength;
  if (key > kMaxKeyLength) return Result::kBadKey;
  size_t head = sizeof header + extras + key;
  if (pending_bytes_ < head) return Result::kNeedMore;
  current_.value_length = body - extras - key;
  bool too_large = current_.value_length > kMaxValueLength;
  if (!too_large && pending_bytes_ < sizeof header + body) {
    return Result::kNeedMore;
  }
  MakeContiguous(head);
  const std::byte* at = pending_->Data() + sizeof header;
  current_.extras = {at, extras};
  current_.key = {reinterpret_cast<const char*>(at + extras), key};
  swallow_ = sizeof header + body;
  return too_large ? Result::kTooLarge : Result::kRequest;
}

std::unique_ptr<IOBuf> RequestParser::TakeKeyAndValue() {
  size_t n = current_.key.size() + current_.value_length;
  size_t before = swallow_ - n;  // header and extras
  pending_->Advance(before);
  std::unique_ptr<IOBuf> taken;
  try {
    taken = TakeStorable(pending_, n);
  } catch (...) {
    pending_->Retreat(before);
    throw;
  }
  pending_bytes_ -= swallow_;
  swallow_ = 0;
  return taken;
}

}  // namespace ebbrt::memcached
