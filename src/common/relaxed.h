// Relaxed<T>: a value that one core changes at a time and any may read
// meanwhile.
//
// Accesses are single plain moves: nothing is ordered by them and nobody waits.
// Counters of a core's own, marks, times of the last use.
#pragma once

#include <atomic>

namespace ebbrt {

/// T is trivially copyable and at most a word. Any context.
template <typename T>
class Relaxed {
 public:
  constexpr Relaxed(T value = T()) : value_(value) {}  // NOLINT: as a T
  Relaxed(const Relaxed& other) : value_(other.Load()) {}
  Relaxed& operator=(const Relaxed& other) { return *this = other.Load(); }
  Relaxed& operator=(T value) {
    value_.store(value, std::memory_order_relaxed);
    return *this;
  }

  T Load() const { return value_.load(std::memory_order_relaxed); }
  operator T() const { return Load(); }  // NOLINT: as a T

  /// By the one that changes it: two at once may count as one.
  Relaxed& operator+=(T n) { return *this = static_cast<T>(Load() + n); }
  Relaxed& operator-=(T n) { return *this = static_cast<T>(Load() - n); }
  Relaxed& operator++() { return *this += 1; }
  Relaxed& operator--() { return *this -= 1; }

 private:
  static_assert(std::atomic<T>::is_always_lock_free);
  std::atomic<T> value_;
};

}  // namespace ebbrt
