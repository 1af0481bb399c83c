// Platform header "clock", Linux.
#pragma once

#include <chrono>

namespace ebbrt {

/// Steady time in nanoseconds from an arbitrary start.
using Clock = std::chrono::steady_clock;

}  // namespace ebbrt
