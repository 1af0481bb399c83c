// The local APIC of each core, through memory (xAPIC) or registers (x2APIC).
//
// SDM chapter 11. All functions act on the calling core's own; any context after
// LocalApicInit.
#pragma once

#include <cstdint>

namespace ebbrt {

/// Finds out which interface there is. Once, on core 0, before the next.
void LocalApicInit();

/// Enables the calling core's, with every local source masked.
void LocalApicEnable();

/// The calling core's id. Before LocalApicEnable too, on any core.
uint32_t LocalApicId();

/// Ends the interrupt in service of the highest priority.
void LocalApicEndOfInterrupt();

/// Sends `vector` to the core with `apic_id`.
void LocalApicSendInterrupt(uint32_t apic_id, uint8_t vector);
/// Sends a non-maskable interrupt, which comes at once.
void LocalApicSendNmi(uint32_t apic_id);
/// Puts the core into the wait for a start-up (SDM §8.4.4.1).
void LocalApicSendInit(uint32_t apic_id);
/// Starts it in real mode at physical address `page`, below 1 MiB.
void LocalApicSendStartup(uint32_t apic_id, uint64_t page);

/// The timer counts down from a 32-bit number, kLocalApicTimerFrequency times a
/// second, and signals the vector at zero. 0 stops it. Under hypervisors, the
/// only places this system runs in, the frequency is this one (QEMU, KVM).
inline constexpr uint64_t kLocalApicTimerFrequency = 1'000'000'000;
void LocalApicSetTimer(uint8_t vector, uint32_t count);
uint32_t LocalApicTimerCount();

/// The timer signals the vector when the time stamp counter reaches what
/// Msr::kTscDeadline says (SDM §11.5.4.1).
void LocalApicSetDeadlineMode(uint8_t vector);

}  // namespace ebbrt
