// What the images that check the cores themselves share.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/event_manager.h"
#include "common/future.h"
#include "platform/core.h"

namespace ebbrt_test {

inline void Require(bool condition, const std::string& what) {
  if (!condition) throw std::runtime_error(what);
}

template <typename F>
ebbrt::Future<> OnCore(ebbrt::CoreId core, F function) {
  ebbrt::Promise<> promise;
  auto future = promise.GetFuture();
  ebbrt::EventManager::SpawnRemote(
      [function, promise = std::move(promise)]() mutable {
        try {
          function();
          promise.SetValue();
        } catch (...) {
          promise.SetException(std::current_exception());
        }
      },
      core);
  return future;
}

/// Runs `function` as an event on every core and waits for all.
template <typename F>
void OnEveryCore(F function) {
  std::vector<ebbrt::Future<>> futures;
  for (ebbrt::CoreId core = 0; core < ebbrt::platform::CoreCount(); ++core) {
    futures.push_back(OnCore(core, function));
  }
  for (auto& future : futures) future.Get();
}

}  // namespace ebbrt_test
