// What the event loop, and who runs handlers beside it, tell their core's
// trace. Nothing is left of these where platform::OwnTrace() is a constant
// null.
//
// platform/trace_port.h is included through this header only: files beside the
// ordinary one would find no other.
#pragma once

#include <cstdint>

#include "common/event_trace.h"
#include "platform/trace_port.h"

namespace ebbrt {

/// What the calling core does from now on.
inline void TraceBegin(EventTrace::Kind kind, const void* what,
                       uint16_t detail = 0) {
  if (EventTrace* trace = platform::OwnTrace()) {
    trace->Begin(kind, what, detail);
  }
}

/// It is done with that.
inline void TraceEnd() {
  if (EventTrace* trace = platform::OwnTrace()) trace->End();
}

/// The event that runs is about to block; what TraceContinue is to be given.
inline EventTrace::Event TraceBlock() {
  EventTrace* trace = platform::OwnTrace();
  return trace != nullptr ? trace->Block() : EventTrace::Event{};
}

/// It goes on.
inline void TraceContinue(const EventTrace::Event& event) {
  if (EventTrace* trace = platform::OwnTrace()) trace->Continue(event);
}

}  // namespace ebbrt
