// The stall detector: reports an event that holds its core for too long.
//
// Events aren't preempted, so one that computes for seconds, or waits without
// blocking, keeps all others of its core waiting. On request (ebbrt.stall=MS,
// EBBRT_STALL_MS) the node looks at its cores some times within the limit; a
// core whose loop has neither moved on nor slept for so long is interrupted,
// and says on the console where it is. It then goes on. One report for each
// event.
//
// On Linux a thread looks. Natively the other cores do, so a node with one core
// watches nothing, which it says.
#pragma once

#include "common/types.h"
#include "platform/clock.h"

namespace ebbrt {

/// Watches the cores of this node for as long as it lives. In an event, once.
/// `limit` is at least a millisecond; a report comes up to a quarter later.
void StartStallDetector(Clock::duration limit);

}  // namespace ebbrt
