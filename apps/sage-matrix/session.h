// Session: this process as a front-end beside an interpreter: core 0 is a
// thread of its own, and other threads have it do things and wait for them.
#pragma once

#include <atomic>
#include <chrono>
#include <future>
#include <stdexcept>
#include <thread>
#include <utility>

#include "apps/sage-matrix/expression.h"
#include "apps/sage-matrix/worker_pool.h"
#include "common/run_on.h"

namespace ebbrt::matrix {

class Session {
 public:
  /// Once per process. Ready when events run. Throws what kept them from it.
  explicit Session(WorkerPool::Settings settings);
  /// Ends all back-ends, then the events.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// On core 0 only, but for Tiles().
  static WorkerPool& Pool();

  /// Has core 0 call `f` and waits for its value, or for that of the future it
  /// gives. Throws what that throws. `idle` is called some times a second
  /// meanwhile, and may throw: then nobody waits any more, but what was begun
  /// goes on. What `f` refers to must therefore be its own.
  template <typename F, typename Idle>
  static auto Wait(F f, Idle& idle) {
    auto result = RunOn(0, std::move(f));
    std::promise<decltype(result)> settled;
    auto future = settled.get_future();
    (void)std::move(result).Finally(
        [settled = std::move(settled)](auto done) mutable {
          settled.set_value(std::move(done));
        });
    while (future.wait_for(kPatience) != std::future_status::ready) {
      idle();
      // Nobody will answer any more.
      if (ended && future.wait_for(std::chrono::seconds(0)) !=
                       std::future_status::ready) {
        throw std::runtime_error("ebbrt.stop() was called");
      }
    }
    return future.get().Get();
  }

 private:
  static constexpr std::chrono::milliseconds kPatience{50};
  static inline std::atomic<bool> ended{false};

  std::thread core_;
};

}  // namespace ebbrt::matrix
