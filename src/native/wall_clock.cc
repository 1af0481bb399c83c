// What time of day it is.

#include <atomic>
#include <chrono>
#include <optional>

#include "native/cpu.h"
#include "native/paging.h"
#include "native/time_source.h"
#include "platform/clock.h"

namespace ebbrt {
namespace {

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;

/// As KVM fills it (msr.rst, MSR_KVM_WALL_CLOCK_NEW): the time at which the
/// system time of its clock was zero.
struct KvmWallClock {
  uint32_t version;
  uint32_t seconds;
  uint32_t nanoseconds;
};

// The CMOS clock's registers (MC146818 data sheet).
constexpr uint16_t kCmosIndexPort = 0x70;
constexpr uint16_t kCmosDataPort = 0x71;
enum CmosRegister : uint8_t {
  kSeconds = 0,
  kMinutes = 2,
  kHours = 4,
  kDay = 7,
  kMonth = 8,
  kYear = 9,
  kStatusA = 0xA,
  kStatusB = 0xB,
};
constexpr uint8_t kUpdateInProgress = 0x80;
constexpr uint8_t kBinary = 0x04;
constexpr uint8_t kNoDevice = 0xFF;

uint8_t ReadCmos(CmosRegister r) {
  cpu::Out8(kCmosIndexPort, r);
  return cpu::In8(kCmosDataPort);
}

int ReadNumber(CmosRegister r) {
  uint8_t value = ReadCmos(r);
  if ((ReadCmos(kStatusB) & kBinary) != 0) return value;
  return (value >> 4) * 10 + (value & 0xF);
}

/// Seconds since 1970, to the second; nothing without the device. The hour is
/// taken to be of 24, as firmware sets it.
std::optional<int64_t> ReadCmosClock() {
  if (ReadCmos(kStatusA) == kNoDevice) return std::nullopt;
  for (;;) {
    while ((ReadCmos(kStatusA) & kUpdateInProgress) != 0) {
    }
    int second = ReadNumber(kSeconds);
    using namespace std::chrono;
    year_month_day date(year(2000 + ReadNumber(kYear)),
                        month(static_cast<unsigned>(ReadNumber(kMonth))),
                        day(static_cast<unsigned>(ReadNumber(kDay))));
    auto time = sys_days(date).time_since_epoch() + hours(ReadNumber(kHours)) +
                minutes(ReadNumber(kMinutes)) + seconds(second);
    // It may have ticked while being read.
    if (ReadNumber(kSeconds) == second) return seconds(time).count();
  }
}

std::optional<int64_t> ReadKvmWallClock() {
  if (!HasKvmClock()) return std::nullopt;
  alignas(32) static KvmWallClock clock;
  cpu::WriteMsr(cpu::Msr::kKvmWallClock, PhysicalAddress(&clock));
  return int64_t{clock.seconds} * kNanosecondsPerSecond + clock.nanoseconds;
}

int64_t FindOffset() {
  if (auto offset = ReadKvmWallClock()) return *offset;
  auto now = Clock::now().time_since_epoch().count();
  if (auto seconds = ReadCmosClock()) {
    return *seconds * kNanosecondsPerSecond - now;
  }
  return 0;
}

}  // namespace

int64_t WallClockOffset() {
  // Two cores that ask at the same time agree to a second, and then on one.
  static std::atomic<int64_t> known;
  int64_t offset = known.load(std::memory_order_acquire);
  if (offset != 0) return offset;
  offset = FindOffset();
  int64_t expected = 0;
  return known.compare_exchange_strong(expected, offset) ? offset : expected;
}

}  // namespace ebbrt
