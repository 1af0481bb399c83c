// SpareList: objects that are kept for the next use instead of freed, linked
// through a member that means nothing meanwhile. Belongs to one core.
#pragma once

#include <cstddef>
#include <utility>

namespace ebbrt::network {

template <typename T, T* T::*kNext>
class SpareList {
 public:
  /// Keeps at most so many.
  explicit constexpr SpareList(size_t limit) : left_(limit) {}

  /// One of them; null if there is none.
  T* Take() {
    T* taken = first_;
    if (taken == nullptr) return nullptr;
    first_ = taken->*kNext;
    ++left_;
    return taken;
  }

  /// False: there are enough, and `spare` is to be freed.
  bool Keep(T* spare) {
    if (left_ == 0) return false;
    --left_;
    spare->*kNext = std::exchange(first_, spare);
    return true;
  }

 private:
  T* first_ = nullptr;
  size_t left_;
};

}  // namespace ebbrt::network
