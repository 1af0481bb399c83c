// SpinLock: mutual exclusion between cores, for short.
//
// For state that several cores touch rarely and briefly (queues of remote
// events, an id's entry): who waits does nothing else. Natively interrupts are
// off in every context that takes one, so a holder is never interrupted; it
// must not block, nor call what may take the lock again.
#pragma once

#include <atomic>

#include "platform/core.h"

namespace ebbrt {

/// A BasicLockable for std::lock_guard. Not recursive. Any context.
class SpinLock {
 public:
  void lock() {
    while (locked_.exchange(true, std::memory_order_acquire)) {
      while (locked_.load(std::memory_order_relaxed)) platform::CpuRelax();
    }
  }
  void unlock() { locked_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> locked_{false};
};

}  // namespace ebbrt
