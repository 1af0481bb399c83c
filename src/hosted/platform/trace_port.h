// Platform header "trace_port", Linux: what the event loops tell of themselves.
#pragma once

#include "common/event_trace.h"

namespace ebbrt::platform {

/// Whether the loops count more than their events.
inline constexpr bool kCountsLoops = true;

namespace detail {
/// Set before the core's loop runs (hosted/trace_file.h).
inline thread_local EventTrace* own_trace = nullptr;
}  // namespace detail

/// The trace of the calling core; null: it has none.
inline EventTrace* OwnTrace() { return detail::own_trace; }

}  // namespace ebbrt::platform
