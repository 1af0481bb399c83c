// SharedFuture<T>: a value that comes later and that many wait for.
//
//   SharedFuture<Config> config(Load());
//   config.Fork().Then(...);
//   co_await config.Fork();
//
// Each fork is a Future of its own, attached to, blocked on and dropped apart.
// Copies are the same future. Forking may be done on any core or thread, before
// or after the value is there; a fork continues on the core that attached to
// it, as every future does.
#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "common/future.h"
#include "common/spin_lock.h"

namespace ebbrt {

/// T is copyable: every fork gets a copy (share what is large by shared_ptr).
template <typename T = void>
class SharedFuture {
 public:
  /// Invalid: may only be assigned to or destroyed.
  SharedFuture() = default;
  /// Takes over `source`.
  explicit SharedFuture(Future<T> source) : state_(std::make_shared<State>()) {
    (void)std::move(source).Finally(
        [state = state_](Future<T> done) { state->Settle(std::move(done)); });
  }

  bool Valid() const { return state_ != nullptr; }

  /// A future that gets a copy of the value, or the error.
  Future<T> Fork() const { return state_->Fork(); }

 private:
  class State {
   public:
    void Settle(Future<T> done) {
      try {
        if constexpr (std::is_void_v<T>) {
          done.Get();
          value_.emplace();
        } else {
          value_.emplace(done.Get());
        }
      } catch (...) {
        error_ = std::current_exception();
      }
      std::vector<Promise<T>> waiting;
      {
        std::lock_guard guard(lock_);
        settled_ = true;
        waiting.swap(waiting_);
      }
      for (auto& promise : waiting) Set(promise);
    }

    Future<T> Fork() {
      Promise<T> promise;
      auto future = promise.GetFuture();
      {
        std::lock_guard guard(lock_);
        if (!settled_) {
          waiting_.push_back(std::move(promise));
          return future;
        }
      }
      Set(promise);
      return future;
    }

   private:
    /// Settled: nothing changes any more, so no lock is needed.
    void Set(Promise<T>& promise) {
      if (error_ != nullptr) return promise.SetException(error_);
      if constexpr (std::is_void_v<T>) {
        promise.SetValue();
      } else {
        try {
          promise.SetValue(T(*value_));
        } catch (...) {  // a copy that failed is this fork's alone
          if (promise.Valid()) promise.SetException(std::current_exception());
        }
      }
    }

    std::optional<detail::Stored<T>> value_;  // before settled_, by Settle
    std::exception_ptr error_;                // the same
    SpinLock lock_;
    bool settled_ = false;             // guarded by lock_
    std::vector<Promise<T>> waiting_;  // guarded by lock_
  };

  std::shared_ptr<State> state_;
};

}  // namespace ebbrt
