// IOBuf: bytes on their way through the system, handed over instead of copied.
//
// An IOBuf is a window on a buffer, plus its place in a chain of others:
//
//   buffer start        Data()              Tail()          buffer end
//        |<- Headroom() ->|<---- Length() ---->|<- Tailroom() ->|
//        +----------------+--------------------+----------------+
//        |   free room    |      contents      |    free room   |
//        +----------------+--------------------+----------------+
//
// The window and the buffer are separate objects. Headers are put in front
// (Retreat) and taken off (Advance) by moving the window; several windows may
// show parts of one buffer (Clone), which lives until the last of them is gone.
// A device's receive buffer thus becomes a stored value and later a reply, each
// step a change of owner.
//
// Chains. Several IOBufs form a circular list that is one sequence of bytes.
// The chain is owned through its head: a std::unique_ptr<IOBuf> owns the whole
// chain it points to. Functions that speak of the chain say "Chain".
//
// Ownership. A buffer that one window shows is unique and may be written. A
// shared one (IsShared()) must not be: another window may show the same bytes.
//
// Threads. The count of a shared buffer is atomic, so clones may end on
// different cores; a window itself, and a chain, belong to one core at a time.
// With one window no atomic instruction is executed.
//
// The shape follows folly's IOBuf.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>

namespace ebbrt {

/// The shared part: how many windows show a buffer and how it is given back.
/// Lies wherever the buffer's maker wants (device pools keep it in front of the
/// bytes); `release` runs once, on the core that dropped the last window, and
/// frees this object too.
struct BufferOwner {
  using Release = void (*)(BufferOwner* owner);

  explicit BufferOwner(Release release_function) : release(release_function) {}

  std::atomic<uint32_t> windows{1};
  Release release;
};

class IOBuf {
 public:
  /// A new empty buffer of `capacity` bytes (may be 0) with `headroom` of them
  /// in front of the window. Throws std::bad_alloc. headroom <= capacity.
  static std::unique_ptr<IOBuf> Create(size_t capacity, size_t headroom = 0);

  /// A new buffer holding a copy of `bytes`, with room on both sides.
  static std::unique_ptr<IOBuf> Copy(std::span<const std::byte> bytes,
                                     size_t headroom = 0, size_t tailroom = 0);
  static std::unique_ptr<IOBuf> Copy(std::string_view bytes,
                                     size_t headroom = 0, size_t tailroom = 0);

  /// A window on bytes that outlive every window on them (static data). Always
  /// counts as shared, so nobody writes to it.
  static std::unique_ptr<IOBuf> Wrap(std::span<const std::byte> bytes);
  static std::unique_ptr<IOBuf> Wrap(std::string_view bytes);

  /// A window on a buffer somebody else made: `owner` (count 1) passes to the
  /// window. The window shows `length` bytes from `offset` on.
  static std::unique_ptr<IOBuf> Adopt(BufferOwner* owner, std::byte* buffer,
                                      size_t capacity, size_t offset,
                                      size_t length);

  /// As Adopt, with the window itself at `place`: kWindowSize bytes, aligned
  /// for a pointer, that are part of what the owner gives back. Does not throw.
  static std::unique_ptr<IOBuf> AdoptInPlace(void* place, BufferOwner* owner,
                                             std::byte* buffer, size_t capacity,
                                             size_t offset, size_t length);
  static constexpr size_t kWindowSize = 8 * sizeof(void*);

  /// One that lies in its buffer's block ends with the buffer.
  static void operator delete(IOBuf* window, std::destroying_delete_t);
  ~IOBuf();
  IOBuf(const IOBuf&) = delete;
  IOBuf& operator=(const IOBuf&) = delete;

  // --- this window ---------------------------------------------------------
  const std::byte* Data() const { return data_; }
  /// To be written only while !IsShared().
  std::byte* WritableData() { return data_; }
  size_t Length() const { return length_; }
  bool Empty() const { return length_ == 0; }
  const std::byte* Tail() const { return data_ + length_; }
  std::byte* WritableTail() { return data_ + length_; }
  size_t Headroom() const { return static_cast<size_t>(data_ - buffer_); }
  size_t Tailroom() const { return capacity_ - Headroom() - length_; }
  size_t Capacity() const { return capacity_; }
  std::span<const std::byte> Bytes() const { return {data_, length_}; }
  std::string_view View() const {
    return {reinterpret_cast<const char*>(data_), length_};
  }

  /// Takes `n` <= Length() bytes off the front.
  void Advance(size_t n) {
    if (n > length_) [[unlikely]]
      Outside();
    data_ += n;
    length_ -= n;
  }
  /// Puts `n` <= Headroom() bytes on the front; their contents are undefined.
  void Retreat(size_t n);
  /// Takes `n` <= Length() bytes off the end.
  void TrimEnd(size_t n) {
    if (n > length_) [[unlikely]]
      Outside();
    length_ -= n;
  }
  /// Puts `n` <= Tailroom() bytes, already written or about to be, on the end.
  void Append(size_t n) {
    if (n > Tailroom()) [[unlikely]]
      Outside();
    length_ += n;
  }

  /// Whether another window shows this buffer (or the bytes are wrapped).
  bool IsShared() const {
    return owner_ == nullptr ||
           owner_->windows.load(std::memory_order_acquire) > 1;
  }

  // --- the chain -----------------------------------------------------------
  IOBuf* Next() { return next_; }
  const IOBuf* Next() const { return next_; }
  IOBuf* Prev() { return prev_; }
  const IOBuf* Prev() const { return prev_; }
  bool IsChained() const { return next_ != this; }

  /// Number of IOBufs, and of bytes, in the chain that starts here.
  size_t CountChain() const;
  size_t ChainLength() const {
    size_t length = length_;
    for (const IOBuf* i = next_; i != this; i = i->next_) length += i->length_;
    return length;
  }

  /// Puts `chain` behind the last element of the chain that starts here.
  void AppendChain(std::unique_ptr<IOBuf> chain);

  /// Takes this element off; returns the rest, null if there is none. The
  /// caller keeps owning this element alone.
  std::unique_ptr<IOBuf> Pop();

  // --- more windows on the same bytes --------------------------------------
  /// A window equal to this one, alone; nothing is copied.
  std::unique_ptr<IOBuf> CloneOne() const;
  /// Windows equal to all of this chain; nothing is copied.
  std::unique_ptr<IOBuf> Clone() const;

  // --- one piece out of a chain --------------------------------------------
  /// Copies the chain's bytes from `offset` on into `to`; returns how many
  /// there were, at most to.size().
  size_t CopyOut(std::span<std::byte> to, size_t offset = 0) const;
  /// The whole chain's bytes as a string (a copy).
  std::string ToString() const;

 private:
  IOBuf(BufferOwner* owner, std::byte* buffer, size_t capacity, size_t offset,
        size_t length)
      : data_(buffer + offset),
        length_(length),
        buffer_(buffer),
        capacity_(capacity),
        owner_(owner) {}

  static void CheckWindow(size_t capacity, size_t offset, size_t length) {
    if (offset > capacity || length > capacity - offset) [[unlikely]]
      Outside();
  }

  /// The window would leave the buffer, or grow when it is to shrink.
  [[noreturn, gnu::cold]] static void Outside();
  void Unlink();

  std::byte* data_;
  size_t length_;
  std::byte* buffer_;
  size_t capacity_;
  BufferOwner* owner_;  // null: wrapped bytes, never freed
  IOBuf* next_ = this;
  IOBuf* prev_ = this;
  bool in_place_ = false;
};
static_assert(sizeof(IOBuf) == IOBuf::kWindowSize);

/// Takes the first `n` bytes off `chain` and returns them as a chain of their
/// own, sharing the buffer at the cut; `chain` keeps the rest (null if none).
/// n <= chain->ChainLength().
std::unique_ptr<IOBuf> SplitChain(std::unique_ptr<IOBuf>& chain, size_t n);

/// `chain` as a single element: itself when it is one already, else a copy.
std::unique_ptr<IOBuf> Coalesce(std::unique_ptr<IOBuf> chain);

namespace detail {
void AppendCompactly(IOBuf& chain, std::unique_ptr<IOBuf> more);
}  // namespace detail

/// Adds what came to what waits to be used. A peer that sends byte by byte
/// would fill memory with nearly empty receive buffers, so pieces that leave
/// most of their buffers empty are moved into the free room of the last one.
/// Either may be null.
inline void AppendCompact(std::unique_ptr<IOBuf>& chain,
                          std::unique_ptr<IOBuf> more) {
  if (chain == nullptr) [[likely]] {
    chain = std::move(more);
  } else {
    detail::AppendCompactly(*chain, std::move(more));
  }
}

/// Joins two chains, either of which may be null.
inline std::unique_ptr<IOBuf> JoinChains(std::unique_ptr<IOBuf> first,
                                         std::unique_ptr<IOBuf> second) {
  if (first == nullptr) return second;
  if (second != nullptr) first->AppendChain(std::move(second));
  return first;
}

}  // namespace ebbrt
