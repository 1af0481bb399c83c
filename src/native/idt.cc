#include "native/idt.h"

#include <array>

#include "native/core_block.h"
#include "native/page_info.h"

extern "C" {
extern const char exception_stubs[];
extern const char interrupt_stubs[];
}

namespace ebbrt {
namespace {

constexpr size_t kStubSize = 16;  // vectors.S
constexpr unsigned kVectors = 256;
constexpr unsigned kDoubleFault = 8;
constexpr unsigned kMachineCheck = 18;

/// An interrupt gate in long mode (SDM §6.14.1).
struct Gate {
  static constexpr uint16_t kCodeSelector = 1 << 3;
  static constexpr uint8_t kPresentInterruptGate = 0x8E;

  uint16_t offset_low;
  uint16_t selector;
  uint8_t stack;
  uint8_t type;
  uint16_t offset_middle;
  uint32_t offset_high;
  uint32_t reserved;
};
static_assert(sizeof(Gate) == 16);

alignas(kPageSize) std::array<Gate, kVectors> table;
static_assert(sizeof(table) == kPageSize);

InterruptStack StackFor(unsigned vector) {
  if (vector == kNmi) return InterruptStack::kNmi;
  if (vector >= kFirstInterruptVector || vector == kDoubleFault ||
      vector == kMachineCheck) {
    return InterruptStack::kDisasters;
  }
  return InterruptStack::kFaults;
}

}  // namespace

void IdtInit() {
  for (unsigned vector = 0; vector < kVectors; ++vector) {
    const char* stub =
        vector < kFirstInterruptVector
            ? exception_stubs + vector * kStubSize
            : interrupt_stubs + (vector - kFirstInterruptVector) * kStubSize;
    auto address = reinterpret_cast<uint64_t>(stub);
    table[vector] = {static_cast<uint16_t>(address),
                     Gate::kCodeSelector,
                     static_cast<uint8_t>(StackFor(vector)),
                     Gate::kPresentInterruptGate,
                     static_cast<uint16_t>(address >> 16),
                     static_cast<uint32_t>(address >> 32),
                     0};
  }
}

uint64_t IdtAddress() { return reinterpret_cast<uint64_t>(table.data()); }

void LoadIdt() {
  struct [[gnu::packed]] {
    uint16_t limit;
    const void* base;
  } pointer{sizeof(table) - 1, table.data()};
  asm volatile("lidt %0" : : "m"(pointer));
}

}  // namespace ebbrt
