// Platform header "trace_port", native: an image's event loops tell nothing,
// and take no instruction for it. One that is linked with TRACED (ebbrt_image)
// has them compiled anew, with traced/platform/trace_port.h in place of this.
#pragma once

#include "common/event_trace.h"

namespace ebbrt::platform {

/// Whether the loops count more than their events.
inline constexpr bool kCountsLoops = false;

/// The trace of the calling core; null: it has none.
constexpr EventTrace* OwnTrace() { return nullptr; }

}  // namespace ebbrt::platform
