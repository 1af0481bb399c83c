// Which core am I, and how many are there. Native side.
#pragma once

#include <cstddef>

#include "common/types.h"
#include "native/percore.h"

namespace ebbrt::platform {

/// Whether there are threads that are no cores.
inline constexpr bool kHasThreadsBesideCores = false;

namespace detail {
extern EBBRT_PERCORE CoreId current_core;
extern size_t core_count;
}  // namespace detail

/// This core. Any context. One load.
inline CoreId CurrentCore() { return detail::current_core; }

/// Cores of this node, whether they have finished booting or not. Any context.
inline size_t CoreCount() { return detail::core_count; }

/// Tells the processor that this is a waiting loop.
inline void CpuRelax() { asm volatile("pause"); }

}  // namespace ebbrt::platform
