// Waiter: a context that waits until one of several things wakes it, or a deadline.
#pragma once

#include <atomic>
#include <optional>

#include "common/event_manager.h"
#include "platform/clock.h"

namespace ebbrt::libc {

/// For one wait; on the stack of who waits.
class Waiter {
 public:
  /// The first call makes Wait return; from any event.
  void Wake();
  /// Blocks until Wake, also one that came before, or the deadline. Somebody who may
  /// call Wake must be gone before the Waiter is. ReserveStack first.
  void Wait(std::optional<Clock::time_point> deadline);
  /// In place of Wait: there is nothing to wait for.
  void DontWait();

 private:
  EventContext context_;
  std::atomic<bool> woken_{false};
};

}  // namespace ebbrt::libc
