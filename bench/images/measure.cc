#include "bench/images/measure.h"

#include <string>

#include "platform/log.h"

extern "C" {
[[gnu::noipa]] void EbbrtBenchBegin() { asm volatile(""); }
// Not the same bytes as the other, lest the two be folded into one.
[[gnu::noipa]] void EbbrtBenchEnd() { asm volatile("nop"); }
}

namespace ebbrt::bench {
namespace {

void RunPrepared(const Operation& operation, uint64_t n) {
  if (operation.prepare != nullptr) operation.prepare(n);
  operation.run(n);
}

void RunMarked(const Operation& operation, uint64_t n) {
  if (operation.prepare != nullptr) operation.prepare(n);
  EbbrtBenchBegin();
  operation.run(n);
  EbbrtBenchEnd();
}

}  // namespace

void Measure(const Operation& operation) {
  RunPrepared(operation, operation.n);
  RunPrepared(operation, 2 * operation.n);
  RunMarked(operation, operation.n);
  RunMarked(operation, 2 * operation.n);
  platform::WriteConsole(std::string("bench: ") + operation.name + "\t" +
                         std::to_string(operation.n) + "\n");
}

}  // namespace ebbrt::bench
