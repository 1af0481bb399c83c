// Platform header "local_table", Linux: the translation table of a core is a
// reservation of address space per event-loop thread, backed where written.
#pragma once

#include "common/types.h"

namespace ebbrt::platform {

namespace detail {
inline thread_local void** local_table = nullptr;
}

/// This core's representative of `id`, null if it has none yet. On cores only.
inline void* LocalRep(EbbId id) { return detail::local_table[id]; }

/// Sets it. On cores only.
inline void SetLocalRep(EbbId id, void* rep) { detail::local_table[id] = rep; }

}  // namespace ebbrt::platform
