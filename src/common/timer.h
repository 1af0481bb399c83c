// Timer: runs a function once, later, on the core that started it.
#pragma once

#include <boost/intrusive/set.hpp>
#include <chrono>

#include "common/move_function.h"
#include "platform/clock.h"

namespace ebbrt {

class EventManager;

/// One-shot; may be started again, also from its own function. Belongs to the
/// core that starts it and is stopped and destroyed there; destroying a running
/// timer stops it. Starting allocates nothing beyond the function.
class Timer {
 public:
  Timer() = default;
  ~Timer() { Stop(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Runs `function` as an event after `delay` (zero or negative: in the next
  /// turn of the loop; Clock::duration::max(): never). A timer that is running
  /// is started anew.
  void Start(Clock::duration delay, MoveFunction<void()> function);

  /// The function will not run. Nothing happens if the timer is not running.
  void Stop();

  bool Running() const { return hook_.is_linked(); }

 private:
  friend class EventManager;

  struct Earlier {
    bool operator()(const Timer& a, const Timer& b) const {
      return a.deadline_ < b.deadline_;
    }
  };

  boost::intrusive::set_member_hook<> hook_;
  Clock::time_point deadline_;
  EventManager* manager_ = nullptr;
  MoveFunction<void()> function_;

 public:
  /// The waiting timers of a core, earliest first. For EventManager.
  using Queue = boost::intrusive::multiset<
      Timer,
      boost::intrusive::member_hook<Timer, boost::intrusive::set_member_hook<>,
                                    &Timer::hook_>,
      boost::intrusive::compare<Earlier>>;
};

}  // namespace ebbrt
