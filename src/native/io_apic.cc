#include "native/io_apic.h"

#include <cstddef>
#include <mutex>
#include <stdexcept>
#include <string>

#include "common/concat.h"
#include "common/spin_lock.h"
#include "native/cpu.h"
#include "native/fixed_list.h"
#include "native/paging.h"

namespace ebbrt {
namespace {

constexpr size_t kRegistersSize = 0x20;
constexpr uint32_t kVersionRegister = 1;
constexpr uint32_t kFirstRedirection = 0x10;
constexpr uint32_t kActiveLow = 1 << 13;
constexpr uint32_t kLevelTriggered = 1 << 15;
constexpr uint32_t kMasked = 1 << 16;
constexpr unsigned kDestinationShift = 24;

/// The interrupt mask registers of the PC's 8259s.
constexpr uint16_t kPicMasterMask = 0x21;
constexpr uint16_t kPicSlaveMask = 0xA1;

/// Two windows: which register, and its value.
struct Windows {
  volatile uint32_t select;
  uint32_t reserved[3];
  volatile uint32_t value;
};
static_assert(offsetof(Windows, value) == 0x10);

struct IoApic {
  Windows* windows;
  uint32_t gsi_base;
  uint32_t lines;

  uint32_t Read(uint32_t index) const {
    windows->select = index;
    return windows->value;
  }
  void Write(uint32_t index, uint32_t value) const {
    windows->select = index;
    windows->value = value;
  }
};

SpinLock lock;  // the windows take two accesses
constinit FixedList<IoApic, 8> io_apics;

const IoApic& ApicOf(InterruptLine line) {
  for (const IoApic& apic : io_apics) {
    if (line.gsi >= apic.gsi_base && line.gsi - apic.gsi_base < apic.lines) {
      return apic;
    }
  }
  throw std::runtime_error(
      Concat({"no I/O APIC has interrupt line ", line.gsi}));
}

uint32_t RedirectionOf(const IoApic& apic, InterruptLine line) {
  return kFirstRedirection + 2 * (line.gsi - apic.gsi_base);
}

}  // namespace

void IoApicInit() {
  // The two 8259s, where there are any: firmware leaves them delivering at
  // vectors that are the processor's own exceptions.
  cpu::Out8(kPicMasterMask, 0xFF);
  cpu::Out8(kPicSlaveMask, 0xFF);
  for (const IoApicInfo& info : Platform().io_apics) {
    IoApic apic{static_cast<Windows*>(MapDevice(info.address, kRegistersSize)),
                info.gsi_base, 0};
    apic.lines = (apic.Read(kVersionRegister) >> 16 & 0xFF) + 1;
    io_apics.Add(apic);
    // Every line is masked after reset, and no loader opens one.
  }
}

void IoApicRoute(InterruptLine line, uint8_t vector, uint32_t apic_id) {
  const IoApic& apic = ApicOf(line);
  uint32_t low = vector;
  if (line.trigger == Trigger::kLevel) low |= kLevelTriggered;
  if (line.polarity == Polarity::kActiveLow) low |= kActiveLow;
  std::lock_guard guard(lock);
  apic.Write(RedirectionOf(apic, line) + 1, apic_id << kDestinationShift);
  apic.Write(RedirectionOf(apic, line), low);
}

void IoApicMask(InterruptLine line) {
  const IoApic& apic = ApicOf(line);
  std::lock_guard guard(lock);
  apic.Write(RedirectionOf(apic, line), kMasked);
}

}  // namespace ebbrt
