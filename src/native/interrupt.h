// Interrupt vectors bound to handlers.
//
// Interrupts are off but in the event loop's window (platform::PollEvents and
// WaitForEvents). What comes there is noted and acknowledged; the handler runs
// after the window like an event: it may take its time, spawn, throw (which is
// reported) and even block. Only the handler of a line that is triggered by
// level (RouteIoApic) must quiet its device before it blocks.
#pragma once

#include <cstdint>

#include "common/move_function.h"
#include "common/types.h"
#include "native/platform_info.h"

namespace ebbrt::interrupt {

using Vector = uint8_t;

inline constexpr Vector kFirstDeviceVector = 0x30;
inline constexpr Vector kLastDeviceVector = 0xEF;
inline constexpr Vector kTimerVector = 0xF0;
inline constexpr Vector kWakeVector = 0xF1;
inline constexpr Vector kSpuriousVector = 0xFF;

/// Binds a free vector of this core to `handler`. Throws std::runtime_error when
/// all are taken. In events.
Vector AllocateVector(MoveFunction<void()> handler);

/// Unbinds it; what of it is still pending is dropped. In events of its core, the
/// device being quiet.
void FreeVector(Vector vector);

/// What a device writes where to signal `vector` on `core` (SDM §11.11).
struct MsiMessage {
  uint64_t address;
  uint32_t data;
};
MsiMessage MsiFor(Vector vector, CoreId core);

/// Lets an I/O APIC's line signal `vector` on `core`. Throws std::runtime_error
/// when no I/O APIC has the line. Any core.
void RouteIoApic(InterruptLine line, Vector vector, CoreId core);

/// Takes the line's interrupts off again.
void MaskIoApic(InterruptLine line);

}  // namespace ebbrt::interrupt
