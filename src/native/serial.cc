// The first serial port, a 16550 (the PC16550D data sheet names the registers).

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "native/cpu.h"
#include "platform/core.h"
#include "platform/log.h"

namespace ebbrt::platform {
namespace {

constexpr uint16_t kPort = 0x3F8;
constexpr uint16_t kTransmit = kPort + 0;
constexpr uint16_t kFifoControl = kPort + 2;
constexpr uint16_t kLineStatus = kPort + 5;
constexpr uint8_t kFifoEnable = 0x01;
constexpr uint8_t kLineStatusTransmitEmpty = 0x20;
constexpr uint8_t kNoDevice = 0xFF;
constexpr size_t kFifoSize = 16;

enum class PortState { kUnknown, kPresent, kAbsent };

PortState state;
std::atomic_flag busy;

/// After a while goes on without the lock: its holder may be the very code
/// whose fault is now being reported.
void LockForAWhile() {
  constexpr int kPatience = 10'000'000;
  for (int i = 0; i < kPatience; ++i) {
    if (!busy.test_and_set(std::memory_order_acquire)) return;
    CpuRelax();
  }
}

void Probe() {
  if (cpu::In8(kLineStatus) == kNoDevice) {
    state = PortState::kAbsent;
    return;
  }
  cpu::Out8(kFifoControl, kFifoEnable);
  state = PortState::kPresent;
}

}  // namespace

void WriteConsole(std::string_view text) {
  LockForAWhile();
  if (state == PortState::kUnknown) Probe();
  while (state == PortState::kPresent && !text.empty()) {
    while ((cpu::In8(kLineStatus) & kLineStatusTransmitEmpty) == 0) CpuRelax();
    // An empty FIFO takes this many without another look.
    size_t count = std::min(text.size(), kFifoSize);
    for (char c : text.substr(0, count)) {
      cpu::Out8(kTransmit, static_cast<uint8_t>(c));
    }
    text.remove_prefix(count);
  }
  busy.clear(std::memory_order_release);
}

}  // namespace ebbrt::platform
