#include "native/power.h"

#include "native/acpi.h"
#include "native/console_line.h"
#include "native/cpu.h"
#include "native/platform_info.h"
#include "platform/core.h"
#include "platform/runtime_port.h"

namespace ebbrt {
namespace {

// QEMU's isa-debug-exit, to be given as iobase=0xf4,iosize=4: a write of v ends
// QEMU with status 2v + 1.
constexpr uint16_t kDebugExitPort = 0xF4;

constexpr uint16_t kKeyboardCommandPort = 0x64;
constexpr uint8_t kKeyboardReset = 0xFE;

/// A machine without a handler for any exception, its own failure to find one
/// included, is shut down by the hypervisor (SDM §6.15, double fault).
[[noreturn]] void TripleFault() {
  struct [[gnu::packed]] {
    uint16_t limit;
    uint64_t base;
  } empty{0, 0};
  asm volatile("lidt %0; ud2" : : "m"(empty));
  cpu::HaltForever();
}

}  // namespace

void PowerOff() {
  if (auto command = FindPowerOff(Platform())) {
    cpu::Out16(command->port, command->value);
  }
  cpu::Out8(kKeyboardCommandPort, kKeyboardReset);
  // A reset that works does so within this.
  constexpr int kPatience = 100;
  for (int i = 0; i < kPatience; ++i) cpu::In8(kKeyboardCommandPort);
  TripleFault();
}

namespace platform {

void Exit(int code) {
  asm volatile("cli");
  if (code != 0) {
    cpu::Out32(kDebugExitPort, static_cast<uint32_t>(code));
    // Only machines without the device get here.
    ConsoleLine().Text("ebbrt: exit code ").Decimal(code);
  }
  PowerOff();
}

}  // namespace platform
}  // namespace ebbrt
