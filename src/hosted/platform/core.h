// Platform header "core", Linux: an event-loop thread is a core.
#pragma once

#include "common/types.h"

namespace ebbrt::platform {

/// Whether there are threads that are no cores: whoever links the library may
/// have some.
inline constexpr bool kHasThreadsBesideCores = true;

namespace detail {
inline thread_local CoreId current_core = kNoCore;
}

/// The calling core; kNoCore on a thread without event loop.
inline CoreId CurrentCore() { return detail::current_core; }

/// How many cores this node has. Fixed before the first event.
size_t CoreCount();

/// In a loop that spins on another core's store.
inline void CpuRelax() { __builtin_ia32_pause(); }

}  // namespace ebbrt::platform
