// Holds its last core several times for longer than the stall detector's limit,
// and lets it wait as long in ways that hold nothing. Says "survived" and ends
// with 0.
#include <chrono>
#include <stdexcept>

#include "common/future.h"
#include "common/run_on.h"
#include "common/runtime.h"
#include "common/timer.h"
#include "platform/clock.h"
#include "platform/core.h"
#include "platform/log.h"

#ifdef __ebbrt__
#include "native/interrupt.h"
#include "native/local_apic.h"
#endif

// Not in an unnamed namespace: the report on Linux names what is exported.
namespace stall_test {

using namespace std::chrono_literals;
using ebbrt::Clock;

constexpr auto kLong = 1500ms;

/// Counts in vector registers too: the report must leave them alone.
[[gnu::noinline]] void HoldTheCore() {
  auto end = Clock::now() + kLong;
  double sum = 0;
  double step = 0.5;
  long count = 0;
  for (; (count & 0xFFF) != 0 || Clock::now() < end; ++count) {
    sum += step;
    asm volatile("" : "+x"(sum), "+x"(step));
  }
  if (sum != 0.5 * static_cast<double>(count)) {
    throw std::runtime_error("the report has changed a register");
  }
}

template <typename F>
ebbrt::Future<> OnLastCore(F function) {
  return ebbrt::RunOn(
      static_cast<ebbrt::CoreId>(ebbrt::platform::CoreCount() - 1), function);
}

#ifdef __ebbrt__
/// Holds it in the handler of an interrupt that wakes the core.
void HoldInInterrupt() {
  ebbrt::Promise<> promise;
  auto done = promise.GetFuture();
  OnLastCore([&promise] {
    auto vector = ebbrt::interrupt::AllocateVector([&promise] {
      HoldTheCore();
      promise.SetValue();
    });
    ebbrt::LocalApicSendInterrupt(ebbrt::LocalApicId(), vector);
  }).Get();
  done.Get();
}
#else
void HoldInInterrupt() {}  // on Linux none runs outside events
#endif

}  // namespace stall_test

void ebbrt::AppMain() {
  using namespace stall_test;
  OnLastCore(HoldTheCore).Get();
  OnLastCore([] { SleepFor(kLong).Get(); }).Get();  // blocks
  SleepFor(kLong).Get();                            // all cores sleep
  OnLastCore(HoldTheCore).Get();
  HoldInInterrupt();
  platform::WriteConsole("survived\n");
  runtime::Exit(0);
}
