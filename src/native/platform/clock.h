// ebbrt::Clock, the steady clock of the node. Native side: the time stamp counter.
#pragma once

#include <chrono>

namespace ebbrt {

/// Nanoseconds since the node was started, or since the host's epoch of KVM's
/// clock. Any context, the same on all cores.
struct Clock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<Clock>;
  static constexpr bool is_steady = true;

  static time_point now() noexcept;
};

}  // namespace ebbrt
