// RingQueue<T>: a first-in first-out queue in one growing block of memory.
//
// std::deque allocates and frees as it moves along; the event queue is pushed
// and popped for every event, so it keeps its block. Push invalidates
// references to elements. Not thread-safe.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace ebbrt {

/// T is movable without throwing and default-constructible; a popped slot holds
/// a moved-from T until it is used again.
template <typename T>
class RingQueue {
 public:
  bool Empty() const { return head_ == tail_; }
  size_t Size() const { return tail_ - head_; }
  /// How many elements have been popped so far.
  size_t Popped() const { return head_; }

  /// Throws std::bad_alloc when it must grow and cannot; the queue is
  /// unchanged.
  void Push(T value) {
    if (Size() == capacity_) Grow();
    slots_[tail_ & (capacity_ - 1)] = std::move(value);
    ++tail_;
  }

  /// What Pop would give, left in place. The queue must not be empty.
  T& Front() { return slots_[head_ & (capacity_ - 1)]; }

  /// The queue must not be empty.
  T Pop() { return std::move(slots_[head_++ & (capacity_ - 1)]); }

 private:
  void Grow() {
    size_t capacity = capacity_ == 0 ? 16 : capacity_ * 2;
    auto slots = std::make_unique<T[]>(capacity);
    for (size_t i = head_; i != tail_; ++i) {
      slots[i & (capacity - 1)] = std::move(slots_[i & (capacity_ - 1)]);
    }
    slots_ = std::move(slots);
    capacity_ = capacity;
  }

  std::unique_ptr<T[]> slots_;
  size_t capacity_ = 0;  // 0 or a power of two
  // They only ever grow; their difference is the size, their low bits the slot.
  size_t head_ = 0;
  size_t tail_ = 0;
};

}  // namespace ebbrt
