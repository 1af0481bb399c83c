// WithDeadline: a future that doesn't wait for ever.
//
//   auto answer = WithDeadline(Ask(), 5s).Get();
//
// gets the answer or throws DeadlineExceeded.
//
// What is waited for is not ended: it goes on, and its late value is dropped.
#pragma once

#include <memory>
#include <stdexcept>
#include <utility>

#include "common/future.h"
#include "common/timer.h"
#include "platform/clock.h"

namespace ebbrt {

/// Nothing came in time. what() tells within which.
class DeadlineExceeded : public std::runtime_error {
 public:
  explicit DeadlineExceeded(Clock::duration deadline);
};

/// `future`, or DeadlineExceeded if it isn't ready `deadline` from now. In an
/// event; continues on its core.
template <typename T>
Future<T> WithDeadline(Future<T> future, Clock::duration deadline) {
  if (future.Ready()) return future;
  struct Race {
    Timer timer;
    Promise<T> promise;
  };
  // Held by the timer until it runs or is stopped, and by the continuation.
  auto race = std::make_shared<Race>();
  auto result = race->promise.GetFuture();
  race->timer.Start(deadline, [race, deadline] {
    race->promise.SetException(
        std::make_exception_ptr(DeadlineExceeded(deadline)));
  });
  (void)std::move(future).Finally([race](Future<T> done) {
    if (!race->promise.Valid()) return;
    race->timer.Stop();
    done.Forward(std::move(race->promise));
  });
  return result;
}

}  // namespace ebbrt
