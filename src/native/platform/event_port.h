// What the event loop needs of the machine. Native side: interrupts and the
// local APIC's timer.
#pragma once

#include "common/types.h"
#include "platform/clock.h"

namespace ebbrt::platform {

/// `core`'s WaitForEvents returns soon, or its next one at once. From any core,
/// in events.
void Wake(CoreId core);

/// Lets the interrupts in that are due and runs their handlers. The caller is
/// the event loop; a handler may block it, the loop then goes on elsewhere.
void PollEvents();

/// The same, but sleeps until there is an interrupt.
void WaitForEvents();

/// EventManager::TimerExpired() will be called on this core at `deadline` or
/// somewhat earlier if that is further away than the timer can count. Replaces
/// what was armed before.
void ArmTimer(Clock::time_point deadline);

/// TimerExpired() will not be called for what was armed before.
void DisarmTimer();

}  // namespace ebbrt::platform
