// NUMA nodes: which memory is near which core.
//
// ACPI's SRAT tells (acpi.cc); without it all is node 0. The allocators take
// each core's memory from its node first (page_allocator.h, slab.h).
#pragma once

#include "common/types.h"

namespace ebbrt {

/// Divides memory among the nodes and joins core 0 to its own. Once, on core 0,
/// after DiscoverPlatform and before other cores get memory.
void NumaInit();

/// Lets the calling core allocate from its node. Before its first event.
void NumaJoin();

/// The NUMA node of a core. Any context after DiscoverPlatform.
unsigned NumaNodeOf(CoreId core);

}  // namespace ebbrt
