// Futures, continuations and coroutines.
#include "bench/images/dispatch.h"
#include "common/event_manager.h"
#include "common/future.h"

namespace ebbrt::bench {
namespace {

uint64_t sum = 0;

void SetThenGet(uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    Promise<uint64_t> promise;
    auto future = promise.GetFuture();
    promise.SetValue(i);
    sum += future.Get();
  }
}

void ThenSet(uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    Promise<uint64_t> promise;
    (void)promise.GetFuture().Then([](uint64_t value) { sum += value; });
    promise.SetValue(i);
  }
}

/// The event blocks; the one that sets the value is spawned for it.
void GetThenSet(uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    Promise<uint64_t> promise;
    auto future = promise.GetFuture();
    event_manager->SpawnLocal(
        [promise = std::move(promise), i]() mutable { promise.SetValue(i); });
    sum += future.Get();
  }
}

[[gnu::noipa]] Future<uint64_t> Coroutine(uint64_t value) { co_return value; }

Future<> AwaitMany(uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) sum += co_await Coroutine(i);
}

void Coroutines(uint64_t n) { AwaitMany(n).Get(); }

[[gnu::noipa]] Future<uint64_t> Increment(Future<uint64_t> value) {
  co_return co_await std::move(value) + 1;
}

/// A coroutine that is suspended and resumed.
void SuspendedCoroutines(uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    Promise<uint64_t> promise;
    auto result = Increment(promise.GetFuture());
    promise.SetValue(i);
    sum += result.Get();
  }
}

}  // namespace

std::span<const Operation> FutureOperations() {
  static constexpr Operation kOperations[] = {
      {"future, set and got", 1'024, &SetThenGet},
      {"future, continued by Then", 1'024, &ThenSet},
      {"future, Get blocks the event", 1'024, &GetThenSet},
      {"coroutine, ready at once", 1'024, &Coroutines},
      {"coroutine, suspended and resumed", 1'024, &SuspendedCoroutines},
  };
  return kOperations;
}

}  // namespace ebbrt::bench
