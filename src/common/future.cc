#include "common/future.h"

#include "common/timer.h"

namespace ebbrt {

void detail::ThreadWaiter::Notify() {
  std::lock_guard guard(mutex_);
  notified_ = true;
  condition_.notify_one();  // under the lock: the waiter may be gone after it
}

void detail::ThreadWaiter::Wait() {
  std::unique_lock lock(mutex_);
  condition_.wait(lock, [this] { return notified_; });
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
