// The I/O APICs, which turn interrupt lines into messages (82093AA data sheet).
#pragma once

#include <cstdint>

#include "native/platform_info.h"

namespace ebbrt {

/// Maps the machine's I/O APICs for use. Once, on core 0.
void IoApicInit();

/// Lets `line` signal `vector` on the core with `apic_id`, below 256. Throws
/// std::runtime_error when no I/O APIC has the line. Any core.
void IoApicRoute(InterruptLine line, uint8_t vector, uint32_t apic_id);

/// `line` signals nothing any more.
void IoApicMask(InterruptLine line);

}  // namespace ebbrt
