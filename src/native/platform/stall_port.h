// Platform header "stall_port", native: how the stall detector looks at cores.
#pragma once

#include "common/types.h"
#include "platform/clock.h"

namespace ebbrt::platform {

/// Calls `look` every `period` with each core, from outside that core, for as
/// long as the node lives. In an event.
void WatchCores(Clock::duration period, void (*look)(CoreId core));

/// Makes `core` say that an event has held it for so long, and where it is. By
/// `look`.
void ReportStall(CoreId core, Clock::duration held);

}  // namespace ebbrt::platform
