#include "native/local_apic.h"

#include "native/cpu.h"
#include "native/interrupt.h"
#include "native/paging.h"
#include "platform/core.h"

namespace ebbrt {
namespace {

/// Offsets in xAPIC's memory; >> 4 they number x2APIC's registers.
enum Register : uint32_t {
  kTaskPriority = 0x80,
  kEndOfInterrupt = 0xB0,
  kSpurious = 0xF0,
  kCommandLow = 0x300,   // x2APIC: the whole command, 64 bits
  kCommandHigh = 0x310,  // xAPIC only
  kLvtTimer = 0x320,
  kTimerInitial = 0x380,
  kTimerCurrent = 0x390,
  kTimerDivide = 0x3E0,
};

constexpr size_t kRegistersSize = 0x1000;
constexpr uint64_t kBaseEnable = 1 << 11;
constexpr uint64_t kBaseX2Apic = 1 << 10;
constexpr uint64_t kBaseAddressMask = 0xFFFFFFFFFF000;
constexpr uint32_t kSoftwareEnable = 1 << 8;
constexpr uint32_t kMasked = 1 << 16;
constexpr uint32_t kTimerDeadlineMode = 2 << 17;
constexpr uint32_t kDivideBy1 = 0xB;
constexpr uint32_t kCommandNmi = 4 << 8;
constexpr uint32_t kCommandInit = 5 << 8;
constexpr uint32_t kCommandStartup = 6 << 8;
constexpr uint32_t kCommandPending = 1 << 12;  // xAPIC
constexpr uint32_t kCommandAssert = 1 << 14;

volatile uint32_t* registers;  // null: x2APIC

uint32_t Read(Register r) {
  if (registers != nullptr) return registers[r / sizeof(uint32_t)];
  return static_cast<uint32_t>(cpu::ReadMsr(static_cast<cpu::Msr>(
      static_cast<uint32_t>(cpu::Msr::kX2ApicBase) + (r >> 4))));
}

void Write(Register r, uint64_t value) {
  if (registers != nullptr) {
    registers[r / sizeof(uint32_t)] = static_cast<uint32_t>(value);
  } else {
    cpu::WriteMsr(static_cast<cpu::Msr>(
                      static_cast<uint32_t>(cpu::Msr::kX2ApicBase) + (r >> 4)),
                  value);
  }
}

void SendCommand(uint32_t apic_id, uint32_t command) {
  constexpr unsigned kXApicIdShift = 24;
  constexpr unsigned kX2ApicIdShift = 32;
  if (registers == nullptr) {
    Write(kCommandLow, uint64_t{apic_id} << kX2ApicIdShift | command);
    return;
  }
  while ((Read(kCommandLow) & kCommandPending) != 0) platform::CpuRelax();
  Write(kCommandHigh, apic_id << kXApicIdShift);
  Write(kCommandLow, command);
}

}  // namespace

void LocalApicInit() {
  bool x2apic =
      (cpu::Cpuid(cpu::kLeafFeatures).ecx & cpu::kFeaturesEcxX2Apic) != 0;
  if (x2apic) return;
  registers = static_cast<volatile uint32_t*>(
      MapDevice(cpu::ReadMsr(cpu::Msr::kApicBase) & kBaseAddressMask,
                kRegistersSize));
}

void LocalApicEnable() {
  uint64_t base = cpu::ReadMsr(cpu::Msr::kApicBase) | kBaseEnable;
  if (registers == nullptr) base |= kBaseX2Apic;
  cpu::WriteMsr(cpu::Msr::kApicBase, base);
  Write(kTaskPriority, 0);
  Write(kLvtTimer, kMasked);
  Write(kTimerDivide, kDivideBy1);
  Write(kSpurious, kSoftwareEnable | interrupt::kSpuriousVector);
}

uint32_t LocalApicId() {
  // The initial id, as CPUID has it, is the id: nothing here changes it.
  constexpr uint32_t kLeafTopology = 0xB;
  constexpr unsigned kInitialIdShift = 24;
  if (registers == nullptr) return cpu::Cpuid(kLeafTopology).edx;
  return cpu::Cpuid(cpu::kLeafFeatures).ebx >> kInitialIdShift;
}

void LocalApicEndOfInterrupt() { Write(kEndOfInterrupt, 0); }

void LocalApicSendInterrupt(uint32_t apic_id, uint8_t vector) {
  SendCommand(apic_id, kCommandAssert | vector);
}

void LocalApicSendNmi(uint32_t apic_id) {
  SendCommand(apic_id, kCommandNmi | kCommandAssert);
}

void LocalApicSendInit(uint32_t apic_id) {
  SendCommand(apic_id, kCommandInit | kCommandAssert);
}

void LocalApicSendStartup(uint32_t apic_id, uint64_t page) {
  SendCommand(apic_id, kCommandStartup | kCommandAssert |
                           static_cast<uint32_t>(page >> kPageShift));
}

void LocalApicSetTimer(uint8_t vector, uint32_t count) {
  Write(kLvtTimer, vector);
  Write(kTimerInitial, count);
}

uint32_t LocalApicTimerCount() { return Read(kTimerCurrent); }

void LocalApicSetDeadlineMode(uint8_t vector) {
  Write(kLvtTimer, kTimerDeadlineMode | vector);
}

}  // namespace ebbrt
