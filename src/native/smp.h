// Starting the secondary cores.
//
// It costs the first core no waiting: each step sends what is due and leaves a
// timer for the next (SDM §8.4.4.1: INIT, 10 ms, start-up, 200 us, start-up
// again). Meanwhile events for a core that is not there yet wait in its queue.
#pragma once

#include <cstdint>

#include "common/types.h"

namespace ebbrt {

/// Makes blocks, page tables and thread-local storage for all cores that the
/// platform has. On core 0, before it writes a per-core variable that others
/// should find as the image has it. Out of memory is a panic.
void PrepareCores();

/// Begins to start them; every event manager exists. On core 0, in an event or
/// before its loop runs.
void StartSecondaryCores();

/// The local APIC id of a core.
uint32_t ApicIdOf(CoreId core);

}  // namespace ebbrt
