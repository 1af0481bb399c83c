// The image of bench/memory: threadtest with a thread on each core.
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "bench/images/threadtest.h"
#include "common/event_manager.h"
#include "common/future.h"
#include "common/runtime.h"
#include "platform/core.h"
#include "platform/log.h"

void ebbrt::AppMain() {
  auto on_all = [](unsigned threads, const auto& work) {
    std::vector<Future<>> done;
    for (unsigned thread = 0; thread < threads; ++thread) {
      Promise<> promise;
      done.push_back(promise.GetFuture());
      EventManager::SpawnRemote(
          [thread, &work, promise = std::move(promise)]() mutable {
            work(thread);
            promise.SetValue();
          },
          thread);
    }
    for (auto& future : done) future.Get();
  };
  threadtest::MeasureAll(static_cast<unsigned>(platform::CoreCount()), on_all,
                         [](const std::string& name, uint64_t n) {
                           platform::WriteConsole("bench: " + name + "\t" +
                                                  std::to_string(n) + "\n");
                         });
  platform::WriteConsole("bench: done\n");
  runtime::Exit(0);
}
