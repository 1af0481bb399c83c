#include "common/future.h"

#include <memory>
#include <string>

#include "common/concat.h"
#include "common/timer.h"
#include "platform/log.h"

namespace ebbrt {

void detail::ReportUnattended(const char* what, const std::exception& error) {
  platform::WriteConsole(Concat({"ebbrt: ", what, ": ", error.what(), "\n"}));
}

Future<> SleepFor(Clock::duration delay) {
  struct Sleeper {
    Timer timer;
    Promise<> promise;
  };
  auto sleeper = std::make_unique<Sleeper>();
  auto future = sleeper->promise.GetFuture();
  Timer& timer = sleeper->timer;
  timer.Start(delay,
              [sleeper = std::move(sleeper)] { sleeper->promise.SetValue(); });
  return future;
}

}  // namespace ebbrt
