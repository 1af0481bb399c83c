#include "native/virtio/split_queue.h"

#include <atomic>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <new>

#include "common/check.h"
#include "native/virtio/device_address.h"

namespace ebbrt::virtio {
namespace {

using layout::AvailableHead;
using layout::Descriptor;
using layout::UsedElement;
using layout::UsedHead;

/// The used ring wants 4, the table 16; a page keeps what the device writes and
/// what we write apart from other data.
constexpr size_t kAlignment = 4096;
constexpr size_t kUsedAlignment = 64;

constexpr size_t RoundUp(size_t n, size_t to) { return (n + to - 1) / to * to; }

constexpr size_t AvailableOffset(uint16_t size) {
  return sizeof(Descriptor) * size;
}
constexpr size_t UsedOffset(uint16_t size) {
  return RoundUp(AvailableOffset(size) + sizeof(AvailableHead) +
                     sizeof(uint16_t) * (size + 1u),
                 kUsedAlignment);
}
constexpr size_t TotalBytes(uint16_t size) {
  return RoundUp(UsedOffset(size) + sizeof(UsedHead) +
                     sizeof(UsedElement) * size + sizeof(uint16_t),
                 kAlignment);
}

// What is shared with the device is read once and written once, by these.
template <typename T>
T Load(const T* shared, std::memory_order order) {
  return std::atomic_ref<T>(*const_cast<T*>(shared)).load(order);
}
template <typename T>
void Store(T* shared, T value, std::memory_order order) {
  std::atomic_ref<T>(*shared).store(value, order);
}

/// §2.7.7.2: whether stepping from `old` to `now` passed `event`.
bool Passed(uint16_t event, uint16_t now, uint16_t old) {
  return static_cast<uint16_t>(now - event - 1) <
         static_cast<uint16_t>(now - old);
}

}  // namespace

SplitQueue::SplitQueue(uint16_t size, EventIndex event_index)
    : size_(size),
      event_index_(event_index == EventIndex::kOn),
      next_(size),
      chains_(size),
      free_count_(size) {
  EBBRT_CHECK(std::has_single_bit(size) && size <= 32768,
              "a virtqueue's size is a power of two, 32768 at most");
  memory_ =
      static_cast<std::byte*>(std::aligned_alloc(kAlignment, TotalBytes(size)));
  if (memory_ == nullptr) throw std::bad_alloc();
  std::memset(memory_, 0, TotalBytes(size));
  descriptors_ = reinterpret_cast<Descriptor*>(memory_);
  available_ =
      reinterpret_cast<AvailableHead*>(memory_ + AvailableOffset(size));
  used_ = reinterpret_cast<UsedHead*>(memory_ + UsedOffset(size));
  for (uint16_t i = 0; i < size; ++i) next_[i] = i + 1;
}

SplitQueue::~SplitQueue() { std::free(memory_); }

uint64_t SplitQueue::DescriptorAddress() const {
  return DeviceAddress(descriptors_);
}
uint64_t SplitQueue::AvailableAddress() const {
  return DeviceAddress(available_);
}
uint64_t SplitQueue::UsedAddress() const { return DeviceAddress(used_); }

uint16_t* SplitQueue::AvailableRing() const {
  return reinterpret_cast<uint16_t*>(available_ + 1);
}
uint16_t* SplitQueue::UsedEvent() const { return AvailableRing() + size_; }
UsedElement* SplitQueue::UsedRing() const {
  return reinterpret_cast<UsedElement*>(used_ + 1);
}
uint16_t* SplitQueue::AvailableEvent() const {
  return reinterpret_cast<uint16_t*>(UsedRing() + size_);
}
uint16_t SplitQueue::UsedIndex() const {
  return Load(&used_->index, std::memory_order_acquire);
}

/// Fills in the next free descriptor; returns it.
inline uint16_t SplitQueue::Place(const Piece& piece, uint16_t flags) {
  uint16_t at = free_head_;
  free_head_ = next_[at];
  descriptors_[at] = {piece.address, piece.length, flags, free_head_};
  return at;
}

inline void SplitQueue::Offer(uint16_t head, uint16_t count,
                              uint32_t writable) {
  free_count_ -= count;
  chains_[head] = {count, writable};
  ++in_flight_;
  AvailableRing()[added_ & (size_ - 1)] = head;
  ++added_;
}

std::optional<uint16_t> SplitQueue::Add(std::span<const Piece> readable,
                                        std::span<const Piece> writable) {
  size_t count = readable.size() + writable.size();
  EBBRT_CHECK(count > 0, "an empty chain was given to a virtqueue");
  if (count > free_count_) return std::nullopt;
  uint16_t head = free_head_;
  size_t left = count;
  auto more = [&left] {
    return static_cast<uint16_t>(--left > 0 ? layout::kDescriptorNext : 0);
  };
  for (const Piece& piece : readable) Place(piece, more());
  uint32_t total = 0;
  for (const Piece& piece : writable) {
    Place(piece, more() | layout::kDescriptorWrite);
    total += piece.length;
  }
  Offer(head, static_cast<uint16_t>(count), total);
  return head;
}

std::optional<uint16_t> SplitQueue::AddSingle(const Piece& piece,
                                              bool writable) {
  if (free_count_ == 0) return std::nullopt;
  uint16_t at = Place(piece, writable ? layout::kDescriptorWrite : 0);
  Offer(at, 1, writable ? piece.length : 0);
  return at;
}

bool SplitQueue::Publish() {
  if (added_ == published_) return false;
  uint16_t old = published_;
  published_ = added_;
  Store(&available_->index, published_, std::memory_order_release);
  // §2.7.13.4.1: the index must be visible before we look whether the device
  // wants to be told; both sides would otherwise miss each other.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (event_index_) {
    return Passed(Load(AvailableEvent(), std::memory_order_relaxed), published_,
                  old);
  }
  return (Load(&used_->flags, std::memory_order_relaxed) &
          layout::kUsedNoNotify) == 0;
}

bool SplitQueue::HasUsed() const {
  return failure_ == nullptr && UsedIndex() != taken_;
}

inline void SplitQueue::FreeChain(uint16_t head) {
  uint16_t last = head;
  uint16_t count = chains_[head].descriptors;
  for (uint16_t i = 1; i < count; ++i) last = next_[last];
  next_[last] = free_head_;
  free_head_ = head;
  free_count_ += count;
  chains_[head] = {};
  --in_flight_;
}

std::optional<SplitQueue::Used> SplitQueue::Take() {
  if (failure_ != nullptr) return std::nullopt;
  auto waiting = static_cast<uint16_t>(UsedIndex() - taken_);
  if (waiting == 0) return std::nullopt;
  if (waiting > in_flight_) {
    failure_ = "it used more buffers than it was given";
    return std::nullopt;
  }
  const UsedElement* element = &UsedRing()[taken_ & (size_ - 1)];
  uint32_t id = Load(&element->id, std::memory_order_relaxed);
  uint32_t written = Load(&element->length, std::memory_order_relaxed);
  if (id >= size_ || chains_[id].descriptors == kNotAHead) {
    failure_ = "it used a buffer that it was not given";
    return std::nullopt;
  }
  if (written > chains_[id].writable) {
    failure_ = "it says it wrote beyond a buffer";
    return std::nullopt;
  }
  ++taken_;
  FreeChain(static_cast<uint16_t>(id));
  return Used{static_cast<uint16_t>(id), written};
}

bool SplitQueue::EnableInterrupts(uint16_t after) {
  if (event_index_) {
    Store(UsedEvent(), static_cast<uint16_t>(taken_ + after - 1),
          std::memory_order_relaxed);
  } else {
    after = 1;
    Store(&available_->flags, uint16_t{0}, std::memory_order_relaxed);
  }
  // §2.7.14: the wish must be visible before we look for what came before it.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  return static_cast<uint16_t>(UsedIndex() - taken_) < after;
}

void SplitQueue::DisableInterrupts() {
  if (event_index_) {
    // Just behind us: reached again only after 65536 more.
    Store(UsedEvent(), static_cast<uint16_t>(taken_ - 1),
          std::memory_order_relaxed);
  } else {
    Store(&available_->flags, layout::kAvailableNoInterrupt,
          std::memory_order_relaxed);
  }
}

}  // namespace ebbrt::virtio
