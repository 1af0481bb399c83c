// The structure by which a time stamp is turned into nanoseconds.
//
// Its layout is that of KVM's paravirtual clock (Linux, Documentation/virt/kvm/
// x86/msr.rst): KVM fills one per core; without KVM this system fills one itself,
// so that the clock is read the same way everywhere.
#pragma once

#include <atomic>
#include <cstdint>

namespace ebbrt {

struct alignas(32) PvClock {
  std::atomic<uint32_t> version;  // odd while being written
  uint32_t reserved;
  uint64_t tsc;          // at this time stamp
  uint64_t nanoseconds;  // it was this late
  uint32_t multiplier;   // nanoseconds a tick, shifted, as a fraction of 2^32
  int8_t shift;          // of a difference of ticks to the left
  uint8_t flags;
  uint8_t padding[2];

  /// Nanoseconds at `tsc_now`; of a consistent copy.
  uint64_t At(uint64_t tsc_now) const {
    uint64_t ticks = tsc_now - tsc;
    ticks = shift >= 0 ? ticks << shift : ticks >> -shift;
    return nanoseconds +
           static_cast<uint64_t>(
               (static_cast<unsigned __int128>(ticks) * multiplier) >> 32);
  }
};
static_assert(sizeof(PvClock) == 32);

}  // namespace ebbrt
