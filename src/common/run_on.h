// RunOn: a function run as an event on another core, whose result comes back.
//
//   int count = RunOn(core, [] { return table->Count(); }).Get();
//   RunOnEveryCore([] { counters->Reset(); }).Get();
#pragma once

#include <type_traits>
#include <utility>
#include <vector>

#include "common/event_manager.h"
#include "common/future.h"
#include "common/when_all.h"
#include "platform/core.h"

namespace ebbrt {

/// Runs `function` as an event on `core` < platform::CoreCount(), this one
/// included; a future of what it returns (what its future gives) or throws.
/// From any thread or core. Throws std::bad_alloc.
template <typename F>
auto RunOn(CoreId core, F function) {
  Promise<typename detail::Chained<std::invoke_result_t<F&>>::Type> promise;
  auto future = promise.GetFuture();
  EventManager::SpawnRemote(
      [function = std::move(function), promise = std::move(promise)]() mutable {
        detail::Fulfil(std::move(promise), function);
      },
      core);
  return future;
}

/// Runs a copy of `function`, which returns nothing, as an event on every core;
/// ready when it is done on all, failed if it was on any.
template <typename F>
Future<> RunOnEveryCore(const F& function) {
  std::vector<Future<>> done;
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    done.push_back(RunOn(core, function));
  }
  return WhenAll(std::move(done));
}

}  // namespace ebbrt
