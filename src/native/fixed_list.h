// FixedList<T, N>: up to N values in place, for what is learnt before there is a
// heap.
#pragma once

#include <array>
#include <cstddef>

namespace ebbrt {

template <typename T, size_t N>
class FixedList {
 public:
  /// False, and nothing added, when the list is full.
  bool Add(const T& value) {
    if (size_ == N) return false;
    values_[size_++] = value;
    return true;
  }
  size_t Size() const { return size_; }
  bool Empty() const { return size_ == 0; }
  T& operator[](size_t i) { return values_[i]; }
  const T& operator[](size_t i) const { return values_[i]; }
  T* begin() { return values_.data(); }
  T* end() { return values_.data() + size_; }
  const T* begin() const { return values_.data(); }
  const T* end() const { return values_.data() + size_; }
  const T* data() const { return values_.data(); }
  size_t size() const { return size_; }

 private:
  std::array<T, N> values_{};
  size_t size_ = 0;
};

}  // namespace ebbrt
