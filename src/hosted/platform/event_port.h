// Platform header "event_port", Linux: the event loop's way to sleep.
#pragma once

#include "common/types.h"
#include "platform/clock.h"

namespace ebbrt::platform {

/// Makes the WaitForEvents of `core`, the current one or its next, return. From
/// any thread.
void Wake(CoreId core);

/// Lets what is ready happen; does not block. On the core.
void PollEvents();

/// The same, but sleeps until something happens. On the core.
void WaitForEvents();

/// Calls the core's EventManager::TimerExpired at `deadline`, once; replaces
/// the deadline set before. On the core.
void ArmTimer(Clock::time_point deadline);

}  // namespace ebbrt::platform
