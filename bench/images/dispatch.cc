// bench/dispatch's image: what the parts of a call, an event and a message
// cost. With a front-end it measures messages to it, else all the rest.
#include <exception>
#include <string>

#include "bench/images/dispatch.h"
#include "common/runtime.h"
#include "platform/core.h"
#include "platform/log.h"

namespace {

using ebbrt::bench::Operation;

void MeasureAll(std::span<const Operation> operations) {
  for (const Operation& operation : operations) Measure(operation);
}

}  // namespace

void ebbrt::AppMain() {
  if (runtime::Boot().front_end) {
    MeasureAll(bench::MessageOperations());
  } else if (platform::CoreCount() > 1) {
    MeasureAll(bench::RemoteOperations());
  } else {
    MeasureAll(bench::CallOperations());
    MeasureAll(bench::EventOperations());
    MeasureAll(bench::FutureOperations());
    MeasureAll(bench::MemoryOperations());
    MeasureAll(bench::HomeOperations());
  }
  platform::WriteConsole("bench: done\n");
  runtime::Exit(0);
}
