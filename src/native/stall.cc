#include "native/stall.h"

#include <chrono>

#include "common/event_manager.h"
#include "common/timer.h"
#include "native/backtrace.h"
#include "native/console_line.h"
#include "native/local_apic.h"
#include "native/smp.h"
#include "platform/stall_port.h"

namespace ebbrt {
namespace {

// When the question was asked.
std::array<std::atomic<uint32_t>, kMaxCores> held_ms;

/// A core's looks at the others. Lives as long as the node.
class Watch {
 public:
  Watch(Clock::duration period, void (*look)(CoreId core))
      : period_(period), look_(look) {
    WaitAndLook();
  }

 private:
  void WaitAndLook() {
    timer_.Start(period_, [this] {
      for (CoreId core = 0; core < platform::CoreCount(); ++core) {
        if (core != platform::CurrentCore()) look_(core);
      }
      WaitAndLook();
    });
  }

  Timer timer_;
  const Clock::duration period_;
  void (*const look_)(CoreId core);
};

}  // namespace

std::array<std::atomic<bool>, kMaxCores> stall_questions;

void PrintStall(const ExceptionFrame& frame) {
  CoreId core = platform::CurrentCore();
  ConsoleLine()
      .Text("ebbrt: an event has held core ")
      .Decimal(core)
      .Text(" for ")
      .Decimal(held_ms[core])
      .Text(" ms; it is here:");
  PrintBacktrace(frame.rip);
}

namespace platform {

void WatchCores(Clock::duration period, void (*look)(CoreId core)) {
  if (CoreCount() == 1) {
    ConsoleLine().Text(
        "ebbrt: no core watches over the only one; give the node "
        "two to have stalls reported");
    return;
  }
  for (CoreId core = 0; core < CoreCount(); ++core) {
    EventManager::SpawnRemote([period, look] { new Watch(period, look); },
                              core);
  }
}

void ReportStall(CoreId core, Clock::duration held) {
  held_ms[core] = static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(held).count());
  stall_questions[core] = true;
  LocalApicSendNmi(ApicIdOf(core));
}

}  // namespace platform
}  // namespace ebbrt
