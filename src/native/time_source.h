// Where the clock and the timer come from; platform/clock.h and event_port.h
// are the interfaces to them.
#pragma once

#include <cstdint>

namespace ebbrt {

/// Makes Clock work: by KVM's clock if it is offered, else by the time stamp
/// counter, whose frequency is the boot argument ebbrt.tsc_khz, or what CPUID
/// says, or measured against the local APIC's timer. After LocalApicEnable, on
/// core 0.
void ClockInit();

/// Whether the hypervisor is KVM and has its clock. Any context.
bool HasKvmClock();

/// The same for another core, on that core.
void ClockInitSecondary();

/// Chooses how this core's timer works. After the above, on each core.
void TimerInit();

/// What a difference of time stamps is in nanoseconds. After ClockInit.
uint64_t TicksToNanoseconds(uint64_t ticks);

/// Nanoseconds since 1970 in UTC when Clock was at its zero: by KVM's wall
/// clock or the CMOS clock, found out at the first call; 0 if the machine has
/// neither. Any event.
int64_t WallClockOffset();

}  // namespace ebbrt
