// How the benchmark images measure: an operation is done n times and then 2n
// times, each between two marks that the instruction counter notes. What
// surrounds the operations (the marks, a call, the event's blocking) is the
// same both times, so that the difference is what n operations cost.
#pragma once

#include <cstdint>

namespace ebbrt::bench {

/// Does something `n` times, as an event on core 0 that may block; 2n of
/// `n` are done as well.
struct Operation {
  const char* name;
  uint64_t n;
  void (*run)(uint64_t n);
  /// Done before each run, unmeasured: makes ready what `n` turns need.
  void (*prepare)(uint64_t n) = nullptr;
};

/// Runs the operation four times: n and 2n to warm up what it uses (pools,
/// tables), then n and 2n between marks; and prints
///   bench: NAME <tab> N
/// on the console, which tells the benchmark's command what the marks were.
void Measure(const Operation& operation);

/// Tells the compiler that `value` is used and might have been changed.
template <typename T>
inline void Opaque(T& value) {
  asm volatile("" : "+r"(value) : : "memory");
}

}  // namespace ebbrt::bench

extern "C" {
/// The marks: nothing but addresses.
void EbbrtBenchBegin();
void EbbrtBenchEnd();
}
