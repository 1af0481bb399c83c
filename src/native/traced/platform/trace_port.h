// Platform header "trace_port", native, of images that are TRACED: each core
// keeps its last slices, from its first event on.
#pragma once

#include "common/event_trace.h"
#include "native/percore.h"

namespace ebbrt::platform {

/// Whether the loops count more than their events.
inline constexpr bool kCountsLoops = true;

namespace detail {
extern EBBRT_PERCORE_ZEROED EventTrace* own_trace;
/// Gives the calling core a trace.
[[gnu::cold]] EventTrace* MakeTrace();
}  // namespace detail

/// The trace of the calling core. In events and handlers of interrupts.
inline EventTrace* OwnTrace() {
  EventTrace* trace = detail::own_trace;
  return trace != nullptr ? trace : detail::MakeTrace();
}

}  // namespace ebbrt::platform
