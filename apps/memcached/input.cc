#include "apps/memcached/input.h"

#include <algorithm>
#include <span>
#include <utility>

#include "apps/memcached/storable.h"

namespace ebbrt::memcached {

void Input::Feed(std::unique_ptr<IOBuf> data) {
  size_ += data->ChainLength();
  AppendCompact(pending_, std::move(data));
  if (swallow_ > 0) Swallow();
}

void Input::Swallow() {
  size_t n = std::min<uint64_t>(swallow_, size_);
  DropFront(pending_, n);
  size_ -= n;
  swallow_ -= n;
}

/// Puts the first `n` bytes together in one piece.
void Input::Gather(size_t n) {
  auto front = IOBuf::Create(n);
  pending_->CopyOut({front->WritableTail(), n});
  front->Append(n);
  DropFront(pending_, n);
  pending_ = JoinChains(std::move(front), std::move(pending_));
}

bool Input::HasLineEndAt(size_t offset) const {
  char end[2];
  pending_->CopyOut(std::as_writable_bytes(std::span(end)), offset);
  return end[0] == '\r' && end[1] == '\n';
}

size_t Input::FindLineFeed() {
  size_t before = 0;
  for (const IOBuf* i = pending_.get(); before < size_; i = i->Next()) {
    auto piece = i->View();
    size_t end = before + piece.size();
    if (end > searched_) {
      size_t from = searched_ > before ? searched_ - before : 0;
      size_t at = piece.find('\n', from);
      if (at != piece.npos) {
        searched_ = before + at;
        return searched_;
      }
    }
    before = end;
  }
  searched_ = size_;
  return kNone;
}

void Input::Skip(uint64_t n) {
  searched_ = 0;
  if (n < size_ && n < pending_->Length()) {
    pending_->Advance(n);
    size_ -= n;
    return;
  }
  swallow_ += n;
  Swallow();
}

void Input::MoveValueTo(Item& item, size_t offset) {
  size_t n = item.ValueLength();
  if (item.IsInline()) {
    if (n > 0) {
      pending_->CopyOut(std::as_writable_bytes(item.InlineValue()), offset);
    }
    Skip(offset + n);
    return;
  }
  item.SetBytes(TakeStorable(pending_, offset, n));
  size_ -= offset + n;
  searched_ = 0;
}

}  // namespace ebbrt::memcached
