// This core's Ebb translation table. Native side.
//
// Entry `id` is a pointer at kLocalTable + id * 8, in a region that every core
// maps to pages of its own. What was never written reads as null from shared
// pages of zeros, so a look-up is one load that never faults. The region ends
// the address space: ids from 0xF0000000 on, the fixed ones among them, have
// addresses that fit a sign-extended 32-bit displacement.
#pragma once

#include <cstdint>

#include "common/types.h"

namespace ebbrt::platform {

inline constexpr uint64_t kLocalTable = 0xFFFFFFF800000000;

/// This core's representative of `id`, null if there is none. Any context.
inline void* LocalRep(EbbId id) {
  return *reinterpret_cast<void**>(kLocalTable + uint64_t{id} * sizeof(void*));
}

/// Sets it, for this core alone. In events. Throws std::bad_alloc when there is
/// no memory for the table's page; then nothing has changed.
void SetLocalRep(EbbId id, void* rep);

}  // namespace ebbrt::platform
