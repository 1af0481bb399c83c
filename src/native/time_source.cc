#include "native/time_source.h"

#include <algorithm>
#include <optional>

#include "common/digits.h"
#include "native/cpu.h"
#include "native/interrupt.h"
#include "native/local_apic.h"
#include "native/paging.h"
#include "native/percore.h"
#include "native/platform_info.h"
#include "native/pv_clock.h"
#include "platform/clock.h"
#include "platform/core.h"
#include "platform/event_port.h"

namespace ebbrt {
namespace {

constexpr uint64_t kNanosecondsPerMillisecond = 1'000'000;
constexpr uint64_t kMsrEnable = 1;

// What this core's Clock reads: our own structure or this core's of KVM's.
constinit PvClock own_clock{};
EBBRT_PERCORE const PvClock* clock_source = nullptr;
EBBRT_PERCORE constinit PvClock kvm_clock{};

enum class Source { kKvm, kKnownFrequency, kMeasured };
Source source;

// While measuring, the local APIC's timer runs freely from this moment on, until
// core 0 needs it as a timer.
constexpr uint32_t kMeasureCount = ~uint32_t{0};
uint64_t measure_tsc;
bool measuring;

enum class TimerMode { kCount, kTscDeadline };
TimerMode timer_mode;

void EnableKvmClock() {
  cpu::WriteMsr(cpu::Msr::kKvmSystemTime,
                PhysicalAddress(&kvm_clock) | kMsrEnable);
  clock_source = &kvm_clock;
}

/// The counter's frequency as somebody tells it.
std::optional<uint64_t> KnownKhz() {
  if (auto argument = Platform().Argument("ebbrt.tsc_khz")) {
    std::string_view text = *argument;
    auto khz = TakeNumber(text, UINT64_MAX);
    if (khz && *khz != 0) return khz;
  }
  uint32_t last_leaf = cpu::Cpuid(0).eax;
  if (last_leaf >= cpu::kLeafTscCrystal) {
    auto crystal = cpu::Cpuid(cpu::kLeafTscCrystal);
    if (crystal.eax != 0 && crystal.ebx != 0 && crystal.ecx != 0) {
      return uint64_t{crystal.ecx} * crystal.ebx / crystal.eax / 1000;
    }
  }
  bool hypervisor = (cpu::Cpuid(cpu::kLeafFeatures).ecx &
                     cpu::kFeaturesEcxHypervisor) != 0;
  if (hypervisor && cpu::Cpuid(cpu::kLeafHypervisor).eax >=
                        cpu::kLeafHypervisorTiming) {
    uint32_t khz = cpu::Cpuid(cpu::kLeafHypervisorTiming).eax;
    if (khz != 0) return khz;
  }
  if (last_leaf >= cpu::kLeafFrequency) {
    uint32_t mhz = cpu::Cpuid(cpu::kLeafFrequency).eax & 0xFFFF;
    if (mhz != 0) return uint64_t{mhz} * 1000;
  }
  return std::nullopt;
}

/// Makes own_clock go on from `nanoseconds` at `tsc` with `khz`.
void SetOwnClock(uint64_t tsc, uint64_t nanoseconds, uint64_t khz) {
  // The multiplier must stay below 2^32: at least 1 GHz after the shift.
  int8_t shift = 0;
  while ((khz << shift) <= kNanosecondsPerMillisecond) ++shift;
  uint32_t version = own_clock.version.load(std::memory_order_relaxed);
  own_clock.version.store(version + 1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  own_clock.tsc = tsc;
  own_clock.nanoseconds = nanoseconds;
  own_clock.multiplier = static_cast<uint32_t>(
      (kNanosecondsPerMillisecond << 32) / (khz << shift));
  own_clock.shift = shift;
  own_clock.version.store(version + 2, std::memory_order_release);
}

/// Frequency by what both counters did since the measurement began.
uint64_t MeasuredKhz() {
  uint64_t ticks = cpu::ReadTsc() - measure_tsc;
  uint64_t elapsed = kMeasureCount - LocalApicTimerCount();
  return ticks * kNanosecondsPerMillisecond / std::max<uint64_t>(elapsed, 1);
}

void BeginMeasurement() {
  // Takes the timer's count a while to be worth dividing by: this long costs at
  // most a few ten thousand instructions, once.
  constexpr uint32_t kShortest = 100'000;  // nanoseconds
  LocalApicSetTimer(interrupt::kTimerVector, kMeasureCount);
  measure_tsc = cpu::ReadTsc();
  while (kMeasureCount - LocalApicTimerCount() < kShortest) {
    platform::CpuRelax();
  }
  measuring = true;
}

/// Corrects the first, short measurement when the timer is about to be used;
/// then its count is as long as it will ever be.
void EndMeasurement() {
  measuring = false;
  // Stopped at zero, it would tell nothing.
  if (LocalApicTimerCount() == 0) return;
  uint64_t khz = MeasuredKhz();
  uint64_t tsc = cpu::ReadTsc();
  SetOwnClock(tsc, own_clock.At(tsc), khz);
}

uint64_t ToTicks(const PvClock& clock, uint64_t nanoseconds) {
  auto ticks = (static_cast<unsigned __int128>(nanoseconds) << 32) /
               clock.multiplier;
  return static_cast<uint64_t>(clock.shift >= 0 ? ticks >> clock.shift
                                                : ticks << -clock.shift);
}

}  // namespace

bool HasKvmClock() {
  uint32_t features = cpu::Cpuid(cpu::kLeafFeatures).ecx;
  if ((features & cpu::kFeaturesEcxHypervisor) == 0) return false;
  auto id = cpu::Cpuid(cpu::kLeafHypervisor);
  constexpr uint32_t kKvmK = 0x4B4D564B, kVmkv = 0x564B4D56, kM = 0x4D;
  if (id.ebx != kKvmK || id.ecx != kVmkv || id.edx != kM) return false;
  return (cpu::Cpuid(cpu::kLeafKvmFeatures).eax & cpu::kKvmFeatureClock2) != 0;
}

Clock::time_point Clock::now() noexcept {
  const PvClock& clock = *clock_source;
  uint32_t version;
  uint64_t nanoseconds;
  do {
    version = clock.version.load(std::memory_order_acquire);
    nanoseconds = clock.At(cpu::ReadTsc());
    std::atomic_thread_fence(std::memory_order_acquire);
  } while ((version & 1) != 0 ||
           version != clock.version.load(std::memory_order_relaxed));
  return time_point(duration(static_cast<rep>(nanoseconds)));
}

void ClockInit() {
  if (HasKvmClock()) {
    source = Source::kKvm;
    EnableKvmClock();
    return;
  }
  clock_source = &own_clock;
  if (auto khz = KnownKhz()) {
    source = Source::kKnownFrequency;
    SetOwnClock(cpu::ReadTsc(), 0, *khz);
    return;
  }
  source = Source::kMeasured;
  BeginMeasurement();
  SetOwnClock(cpu::ReadTsc(), 0, MeasuredKhz());
}

void ClockInitSecondary() {
  if (source == Source::kKvm) {
    EnableKvmClock();
  } else {
    clock_source = &own_clock;
  }
}

void TimerInit() {
  bool deadline = (cpu::Cpuid(cpu::kLeafFeatures).ecx &
                   cpu::kFeaturesEcxTscDeadline) != 0;
  timer_mode = deadline ? TimerMode::kTscDeadline : TimerMode::kCount;
  if (deadline) LocalApicSetDeadlineMode(interrupt::kTimerVector);
}

uint64_t TicksToNanoseconds(uint64_t ticks) {
  return clock_source->At(clock_source->tsc + ticks) -
         clock_source->nanoseconds;
}

namespace platform {

void ArmTimer(Clock::time_point deadline) {
  if (measuring && CurrentCore() == 0) EndMeasurement();
  auto delay = (deadline - Clock::now()).count();
  uint64_t wait = static_cast<uint64_t>(std::max<Clock::rep>(delay, 1));
  if (timer_mode == TimerMode::kTscDeadline) {
    cpu::WriteMsr(cpu::Msr::kTscDeadline,
                  cpu::ReadTsc() + ToTicks(*clock_source, wait));
  } else {
    static_assert(kLocalApicTimerFrequency == 1'000'000'000);
    LocalApicSetTimer(interrupt::kTimerVector,
                      static_cast<uint32_t>(
                          std::min<uint64_t>(wait, ~uint32_t{0})));
  }
}

void DisarmTimer() {
  if (timer_mode == TimerMode::kTscDeadline) {
    cpu::WriteMsr(cpu::Msr::kTscDeadline, 0);
  } else if (!(measuring && CurrentCore() == 0)) {
    LocalApicSetTimer(interrupt::kTimerVector, 0);
  }
}

}  // namespace platform
}  // namespace ebbrt
