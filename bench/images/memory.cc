// The image of bench/memory: threadtest with a thread on each core.
#include <string>
#include <utility>
#include <vector>

#include "bench/images/threadtest.h"
#include "common/run_on.h"
#include "common/runtime.h"
#include "platform/core.h"
#include "platform/log.h"

void ebbrt::AppMain() {
  auto on_all = [](unsigned threads, const auto& work) {
    std::vector<Future<>> done;
    for (unsigned thread = 0; thread < threads; ++thread) {
      done.push_back(RunOn(thread, [thread, &work] { work(thread); }));
    }
    WhenAll(std::move(done)).Get();
  };
  threadtest::MeasureAll(static_cast<unsigned>(platform::CoreCount()), on_all,
                         [](const std::string& name, uint64_t n) {
                           platform::WriteConsole("bench: " + name + "\t" +
                                                  std::to_string(n) + "\n");
                         });
  platform::WriteConsole("bench: done\n");
  runtime::Exit(0);
}
