#include "common/iobuf.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

#include "common/check.h"

namespace ebbrt {
namespace {

/// A buffer of Create(): owner, first window and bytes in one block of malloc.
struct HeapBuffer {
  explicit HeapBuffer() : owner(&Release) {}

  std::byte* Bytes() { return reinterpret_cast<std::byte*>(this + 1); }

  static void Release(BufferOwner* owner) {
    auto* self = reinterpret_cast<HeapBuffer*>(owner);
    self->~HeapBuffer();
    std::free(self);
  }

  BufferOwner owner;
  alignas(void*) std::byte window[IOBuf::kWindowSize];
};
static_assert(offsetof(HeapBuffer, owner) == 0);
static_assert(sizeof(HeapBuffer) % alignof(std::max_align_t) == 0,
              "the bytes behind the owner are aligned as malloc's are");

}  // namespace

std::unique_ptr<IOBuf> IOBuf::Create(size_t capacity, size_t headroom) {
  EBBRT_CHECK(headroom <= capacity, "IOBuf::Create: headroom above capacity");
  void* block = capacity <= SIZE_MAX - sizeof(HeapBuffer)
                    ? std::malloc(sizeof(HeapBuffer) + capacity)
                    : nullptr;
  if (block == nullptr) throw std::bad_alloc();
  auto* buffer = new (block) HeapBuffer();
  return AdoptInPlace(buffer->window, &buffer->owner, buffer->Bytes(), capacity,
                      headroom, 0);
}

std::unique_ptr<IOBuf> IOBuf::Copy(std::span<const std::byte> bytes,
                                   size_t headroom, size_t tailroom) {
  auto copy = Create(headroom + bytes.size() + tailroom, headroom);
  if (!bytes.empty()) {
    std::memcpy(copy->WritableTail(), bytes.data(), bytes.size());
  }
  copy->Append(bytes.size());
  return copy;
}

std::unique_ptr<IOBuf> IOBuf::Copy(std::string_view bytes, size_t headroom,
                                   size_t tailroom) {
  return Copy(std::as_bytes(std::span(bytes)), headroom, tailroom);
}

std::unique_ptr<IOBuf> IOBuf::Wrap(std::span<const std::byte> bytes) {
  // The const goes because a window on owned bytes may write; this one never
  // does, it always counts as shared.
  return std::unique_ptr<IOBuf>(new IOBuf(nullptr,
                                          const_cast<std::byte*>(bytes.data()),
                                          bytes.size(), 0, bytes.size()));
}

std::unique_ptr<IOBuf> IOBuf::Wrap(std::string_view bytes) {
  return Wrap(std::as_bytes(std::span(bytes)));
}

std::unique_ptr<IOBuf> IOBuf::Adopt(BufferOwner* owner, std::byte* buffer,
                                    size_t capacity, size_t offset,
                                    size_t length) {
  CheckWindow(capacity, offset, length);
  IOBuf* window;
  try {
    window = new IOBuf(owner, buffer, capacity, offset, length);
  } catch (...) {
    owner->release(owner);  // it has passed to us
    throw;
  }
  return std::unique_ptr<IOBuf>(window);
}

std::unique_ptr<IOBuf> IOBuf::AdoptInPlace(void* place, BufferOwner* owner,
                                           std::byte* buffer, size_t capacity,
                                           size_t offset, size_t length) {
  CheckWindow(capacity, offset, length);
  auto* window = new (place) IOBuf(owner, buffer, capacity, offset, length);
  window->in_place_ = true;
  return std::unique_ptr<IOBuf>(window);
}

void IOBuf::operator delete(IOBuf* window, std::destroying_delete_t) {
  bool in_place = window->in_place_;
  window->~IOBuf();  // perhaps with the block that it lies in
  if (!in_place) ::operator delete(window);
}

IOBuf::~IOBuf() {
  while (IsChained()) {
    IOBuf* other = next_;
    other->Unlink();
    delete other;
  }
  // A count of 1 can't change behind our back: only windows make windows.
  if (owner_ != nullptr &&
      (owner_->windows.load(std::memory_order_acquire) == 1 ||
       owner_->windows.fetch_sub(1, std::memory_order_acq_rel) == 1)) {
    owner_->release(owner_);
  }
}

void IOBuf::Outside() {
  platform::Panic(__FILE__, __LINE__, "window within buffer",
                  "an IOBuf's window was moved beyond its buffer or its end");
}

void IOBuf::Retreat(size_t n) {
  EBBRT_CHECK(n <= Headroom(), "IOBuf::Retreat without headroom");
  data_ -= n;
  length_ += n;
}

size_t IOBuf::CountChain() const {
  size_t count = 1;
  for (const IOBuf* i = next_; i != this; i = i->next_) ++count;
  return count;
}

void IOBuf::AppendChain(std::unique_ptr<IOBuf> chain) {
  IOBuf* other = chain.release();
  IOBuf* other_last = other->prev_;
  IOBuf* last = prev_;
  last->next_ = other;
  other->prev_ = last;
  other_last->next_ = this;
  prev_ = other_last;
}

void IOBuf::Unlink() {
  next_->prev_ = prev_;
  prev_->next_ = next_;
  next_ = prev_ = this;
}

std::unique_ptr<IOBuf> IOBuf::Pop() {
  if (!IsChained()) return nullptr;
  IOBuf* rest = next_;
  Unlink();
  return std::unique_ptr<IOBuf>(rest);
}

std::unique_ptr<IOBuf> IOBuf::CloneOne() const {
  auto* clone = new IOBuf(owner_, buffer_, capacity_, Headroom(), length_);
  if (owner_ != nullptr) {
    owner_->windows.fetch_add(1, std::memory_order_relaxed);
  }
  return std::unique_ptr<IOBuf>(clone);
}

std::unique_ptr<IOBuf> IOBuf::Clone() const {
  auto chain = CloneOne();
  for (const IOBuf* i = next_; i != this; i = i->next_) {
    chain->AppendChain(i->CloneOne());
  }
  return chain;
}

size_t IOBuf::CopyOut(std::span<std::byte> to, size_t offset) const {
  size_t copied = 0;
  const IOBuf* i = this;
  do {
    if (offset >= i->length_) {
      offset -= i->length_;
    } else {
      size_t n = std::min(i->length_ - offset, to.size() - copied);
      if (n > 0) std::memcpy(to.data() + copied, i->data_ + offset, n);
      copied += n;
      offset = 0;
    }
    i = i->next_;
  } while (i != this && copied < to.size());
  return copied;
}

std::string IOBuf::ToString() const {
  std::string text(ChainLength(), '\0');
  CopyOut(std::as_writable_bytes(std::span(text)));
  return text;
}

std::unique_ptr<IOBuf> SplitChain(std::unique_ptr<IOBuf>& chain, size_t n) {
  std::unique_ptr<IOBuf> front;
  while (n > 0) {
    EBBRT_CHECK(chain != nullptr, "SplitChain past the end");
    if (n < chain->Length()) {
      auto part = chain->CloneOne();
      part->TrimEnd(part->Length() - n);
      chain->Advance(n);
      return JoinChains(std::move(front), std::move(part));
    }
    auto rest = chain->Pop();
    n -= chain->Length();
    front = JoinChains(std::move(front), std::move(chain));
    chain = std::move(rest);
  }
  return front;
}

std::unique_ptr<IOBuf> Coalesce(std::unique_ptr<IOBuf> chain) {
  if (chain == nullptr || !chain->IsChained()) return chain;
  auto whole = IOBuf::Create(chain->ChainLength());
  size_t copied = chain->CopyOut({whole->WritableTail(), whole->Tailroom()});
  whole->Append(copied);
  return whole;
}

void detail::AppendCompactly(IOBuf& chain, std::unique_ptr<IOBuf> more) {
  constexpr size_t kRoom = 1024;  // of a buffer for several small pieces
  while (more != nullptr) {
    auto rest = more->Pop();
    const size_t length = more->Length();
    IOBuf* last = chain.Prev();
    bool wasteful = length < more->Capacity() / 2;
    // One that has room itself, as a device's buffer, gathers those to come.
    if (wasteful && length < kRoom / 2 && more->Tailroom() < kRoom / 2 &&
        (last->IsShared() || last->Tailroom() < length)) {
      try {
        chain.AppendChain(IOBuf::Create(kRoom));
        last = chain.Prev();
      } catch (const std::bad_alloc&) {
        wasteful = false;  // it stays where it is
      }
    }
    if (wasteful && !last->IsShared() && last->Tailroom() >= length) {
      std::memcpy(last->WritableTail(), more->Data(), length);
      last->Append(length);
    } else {
      chain.AppendChain(std::move(more));
    }
    more = std::move(rest);
  }
}

}  // namespace ebbrt
