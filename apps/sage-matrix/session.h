// Session: this process as a front-end beside an interpreter: core 0 is a
// thread of its own, and other threads have it do things and wait for them.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>

#include "apps/sage-matrix/expression.h"
#include "apps/sage-matrix/worker_pool.h"
#include "common/event_manager.h"

namespace ebbrt::matrix {

class Session {
 public:
  /// Once per process. Ready when events run. Throws what kept them from it.
  explicit Session(WorkerPool::Settings settings);
  /// Ends all back-ends, then the events.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// On core 0 only.
  static WorkerPool& Pool();

  /// Has core 0 call `f` and waits for its value, or for that of the future it
  /// gives. Throws what that throws. `idle` is called some times a second
  /// meanwhile, and may throw: then nobody waits any more, but what was begun
  /// goes on. What `f` refers to must therefore be its own.
  template <typename F, typename Idle>
  static auto Wait(F f, Idle idle) {
    using Value = typename ValueOf<std::invoke_result_t<F>>::Type;
    auto promise = std::make_shared<std::promise<Value>>();
    auto future = promise->get_future();
    EventManager::SpawnRemote(
        [f = std::move(f), promise]() mutable { Answer(f, promise); }, 0);
    while (future.wait_for(kPatience) != std::future_status::ready) {
      idle();
      // Nobody will answer any more.
      if (ended && future.wait_for(std::chrono::seconds(0)) !=
                       std::future_status::ready) {
        throw std::runtime_error("ebbrt.stop() was called");
      }
    }
    return future.get();
  }

 private:
  static constexpr std::chrono::milliseconds kPatience{50};
  static inline std::atomic<bool> ended{false};

  template <typename R>
  struct ValueOf {
    using Type = R;
  };
  template <typename T>
  struct ValueOf<Future<T>> {
    using Type = T;
  };

  template <typename F, typename Value>
  static void Answer(F& f, std::shared_ptr<std::promise<Value>> promise) {
    try {
      if constexpr (std::is_same_v<std::invoke_result_t<F>, Future<Value>>) {
        (void)f().Finally([promise](Future<Value> done) {
          try {
            if constexpr (std::is_void_v<Value>) {
              done.Get();
              promise->set_value();
            } else {
              promise->set_value(done.Get());
            }
          } catch (...) {
            promise->set_exception(std::current_exception());
          }
        });
      } else if constexpr (std::is_void_v<Value>) {
        f();
        promise->set_value();
      } else {
        promise->set_value(f());
      }
    } catch (...) {
      promise->set_exception(std::current_exception());
    }
  }

  std::thread core_;
};

}  // namespace ebbrt::matrix
