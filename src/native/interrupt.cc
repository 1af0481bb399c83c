#include "native/interrupt.h"

#include <atomic>
#include <array>
#include <bit>
#include <memory>
#include <stdexcept>

#include "common/event_manager.h"
#include "common/trace_hooks.h"
#include "native/console_line.h"
#include "native/io_apic.h"
#include "native/local_apic.h"
#include "native/percore.h"
#include "native/smp.h"
#include "platform/event_port.h"

namespace ebbrt {

constexpr size_t kPendingWords = 256 / 64;

// Vectors that have come on this core and whose handlers have yet to run, a bit
// each. Set by the stubs in vectors.S.
extern "C" {
extern EBBRT_PERCORE uint64_t pending_vectors[kPendingWords];
EBBRT_PERCORE uint64_t pending_vectors[kPendingWords] = {};
}

namespace interrupt {
namespace {

using HandlerTable =
    std::array<MoveFunction<void()>, kLastDeviceVector - kFirstDeviceVector + 1>;

// This core's, made when its first vector is allocated.
EBBRT_PERCORE HandlerTable* handlers = nullptr;

// Vectors that are triggered by level on some core: they are acknowledged only
// when the handler has quieted the device, or they would come again at once.
std::array<std::atomic<bool>, 256> level_triggered;

MoveFunction<void()>* HandlerOf(Vector vector) {
  return handlers != nullptr && vector >= kFirstDeviceVector &&
                 vector <= kLastDeviceVector
             ? &(*handlers)[vector - kFirstDeviceVector]
             : nullptr;
}

void RunHandler(Vector vector) {
  MoveFunction<void()>* handler = HandlerOf(vector);
  if (handler == nullptr || !*handler) {
    ConsoleLine().Text("ebbrt: interrupt vector ").Decimal(vector)
        .Text(" has no handler");
    return;
  }
  try {
    (*handler)();
  } catch (const std::exception& error) {
    ConsoleLine().Text("ebbrt: an interrupt handler threw: ")
        .Text(error.what());
  }
}

void Handle(Vector vector) {
  const MoveFunction<void()>* handler = HandlerOf(vector);
  TraceBegin(EventTrace::Kind::kInterrupt,
             handler != nullptr ? handler->Identity() : nullptr, vector);
  switch (vector) {
    case kTimerVector:
      LocalApicEndOfInterrupt();
      event_manager->TimerExpired();
      break;
    case kWakeVector:
      LocalApicEndOfInterrupt();
      break;
    case kSpuriousVector:  // not in service: SDM §11.9
      break;
    default:
      bool level = level_triggered[vector].load(std::memory_order_relaxed);
      if (!level) LocalApicEndOfInterrupt();
      RunHandler(vector);
      if (level) LocalApicEndOfInterrupt();
  }
  TraceEnd();
}

/// Runs the handlers of what is pending. Should one block, the loop goes on on
/// another stack and comes here again, so nothing is remembered between two.
void RunPending() {
  for (size_t word = 0; word < kPendingWords; ++word) {
    while (pending_vectors[word] != 0) {
      int bit = std::countr_zero(pending_vectors[word]);
      pending_vectors[word] &= pending_vectors[word] - 1;
      Handle(static_cast<Vector>(word * 64 + bit));
    }
  }
}

bool AnyPending() {
  uint64_t any = 0;
  for (uint64_t word : pending_vectors) any |= word;
  return any != 0;
}

}  // namespace

Vector AllocateVector(MoveFunction<void()> handler) {
  if (handlers == nullptr) handlers = std::make_unique<HandlerTable>().release();
  for (size_t i = 0; i < handlers->size(); ++i) {
    if (!(*handlers)[i]) {
      (*handlers)[i] = std::move(handler);
      return static_cast<Vector>(kFirstDeviceVector + i);
    }
  }
  throw std::runtime_error("all interrupt vectors of the core are in use");
}

void FreeVector(Vector vector) {
  (*handlers)[vector - kFirstDeviceVector] = nullptr;
  pending_vectors[vector / 64] &= ~(uint64_t{1} << vector % 64);
}

MsiMessage MsiFor(Vector vector, CoreId core) {
  constexpr uint64_t kMsiAddress = 0xFEE00000;
  constexpr unsigned kDestinationShift = 12;
  return {kMsiAddress | uint64_t{ApicIdOf(core)} << kDestinationShift, vector};
}

void RouteIoApic(InterruptLine line, Vector vector, CoreId core) {
  level_triggered[vector].store(line.trigger == Trigger::kLevel);
  IoApicRoute(line, vector, ApicIdOf(core));
}

void MaskIoApic(InterruptLine line) { IoApicMask(line); }

}  // namespace interrupt

namespace platform {

void Wake(CoreId core) {
  LocalApicSendInterrupt(ApicIdOf(core), interrupt::kWakeVector);
}

void PollEvents() {
  // The instruction after sti is still shielded, so the window is one long.
  asm volatile("sti; nop; cli" : : : "memory");
  interrupt::RunPending();
}

void WaitForEvents() {
  if (interrupt::AnyPending()) {
    event_manager->Woken();
    interrupt::RunPending();
    return;
  }
  // Nothing can come between sti and hlt.
  asm volatile("sti; hlt; cli" : : : "memory");
  event_manager->Woken();
  interrupt::RunPending();
}

}  // namespace platform
}  // namespace ebbrt
