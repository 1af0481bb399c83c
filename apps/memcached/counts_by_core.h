// CountsByCore: what each core counts for itself, on lines that no other writes
// to, and their sum.
#pragma once

#include <mutex>
#include <vector>

#include "common/spin_lock.h"
#include "platform/core.h"

namespace ebbrt::memcached {

/// T's members are Relaxed and begin at zero. `Add(const T&)` adds another's;
/// `Forget(const T& before)` takes away what was counted until then. Any core,
/// in events.
template <typename T>
class CountsByCore {
 public:
  CountsByCore() : of_core_(platform::CoreCount()) {}

  /// The calling core's, to be counted up there.
  T& Mine() { return of_core_[platform::CurrentCore()].counts; }

  /// Of all cores, since the last ForgetAll.
  T Total() const {
    std::lock_guard guard(forgotten_lock_);
    T sum = Sum();
    sum.Forget(forgotten_);
    return sum;
  }
  void ForgetAll() {
    std::lock_guard guard(forgotten_lock_);
    forgotten_ = Sum();
  }

 private:
  struct alignas(64) OfCore {
    T counts;
  };

  T Sum() const {
    T sum;
    for (const OfCore& core : of_core_) sum.Add(core.counts);
    return sum;
  }

  std::vector<OfCore> of_core_;
  // Rarely written to: not on the line that all read.
  alignas(64) mutable SpinLock forgotten_lock_;
  T forgotten_;
};

}  // namespace ebbrt::memcached
