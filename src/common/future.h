// Future<T> and Promise<T>: a value that comes later.
//
// A Promise is the producer's end, a Future the consumer's; each is moved,
// never copied, and either may be on any core or thread. What to do with the
// value is said in one of four ways:
//
//   future.Then(f)      f(value) when it comes; an error passes f by
//   future.Finally(f)   f(future) when it is ready, with a value or an error
//   co_await future     in a coroutine that returns a Future
//   future.Get()        blocks the event (its core goes on with others)
//
// A continuation runs on the core that attached it: straight from SetValue when
// that is the same core, else as an event there. A future that is ready already
// runs it at once, inside Then. On a thread that is no core, it runs wherever
// the value is set.
//
// Errors are exceptions. A Promise that goes away without a word fails its
// future with BrokenPromise; a Future that goes away discards the value.
#pragma once

#include <coroutine>
#include <exception>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include "common/future_state.h"
#include "platform/clock.h"

namespace ebbrt {

template <typename T>
class Future;
template <typename T>
class Promise;

/// The producer went away without setting a value.
class BrokenPromise : public std::logic_error {
 public:
  BrokenPromise()
      : std::logic_error("the promise was dropped without a value") {}
};

namespace detail {

template <typename T>
struct IsFuture : std::false_type {};
template <typename T>
struct IsFuture<Future<T>> : std::true_type {
  using Value = T;
};

/// What a continuation's result R makes of the chain: Future<U> stays, the rest
/// is wrapped.
template <typename R>
struct Chained {
  using Type = R;
};
template <typename T>
struct Chained<Future<T>> {
  using Type = T;
};

template <typename F, typename T>
struct ThenResult {
  using Type = std::invoke_result_t<F, T>;
};
template <typename F>
struct ThenResult<F, void> {
  using Type = std::invoke_result_t<F>;
};

/// Sets `promise` to what `f(args...)` gives: its value, its future's, its
/// error.
template <typename U, typename F, typename... Args>
void Fulfil(Promise<U> promise, F& f, Args&&... args) {
  using R = std::invoke_result_t<F&, Args...>;
  try {
    if constexpr (IsFuture<R>::value) {
      f(std::forward<Args>(args)...).Forward(std::move(promise));
    } else if constexpr (std::is_void_v<R>) {
      f(std::forward<Args>(args)...);
      promise.SetValue();
    } else {
      promise.SetValue(f(std::forward<Args>(args)...));
    }
  } catch (...) {
    if (promise.Valid()) promise.SetException(std::current_exception());
  }
}

/// Tells on the console of an error that nobody waits for.
void ReportUnattended(const char* what, const std::exception& error);

template <typename T>
class CoroutinePromise;

}  // namespace detail

template <typename T = void>
class [[nodiscard]] Future {
 public:
  using promise_type = detail::CoroutinePromise<T>;

  /// Invalid: may only be assigned to or destroyed.
  Future() = default;
  Future(Future&&) noexcept = default;
  Future& operator=(Future&&) noexcept = default;

  bool Valid() const { return state_ != nullptr; }
  /// A value or an error is there.
  bool Ready() const { return state_->Ready(); }
  /// Ready, and with an error.
  bool Failed() const { return Ready() && state_->Failed(); }
  /// Failed: the error.
  std::exception_ptr Error() const { return state_->Error(); }

  /// The value; throws the error. Waits for it if it isn't there: in an event
  /// by blocking that event, on a thread that is no core by blocking the
  /// thread. Ends the future.
  T Get() {
    auto state = std::move(state_);
    state->Wait();
    state->ThrowIfFailed();
    if constexpr (!std::is_void_v<T>) return state->TakeValue();
  }

  /// Calls f(value) (f() for void); gives a future of its result, with futures
  /// unwrapped. An error goes to that future directly. Ends this future.
  template <typename F>
  auto Then(F f) {
    using U =
        typename detail::Chained<typename detail::ThenResult<F, T>::Type>::Type;
    Promise<U> promise;
    auto future = promise.GetFuture();
    auto* state = state_.get();
    state->OnReady([state = std::move(state_), f = std::move(f),
                    promise = std::move(promise)]() mutable {
      if (state->Failed()) {
        promise.SetException(state->Error());
      } else if constexpr (std::is_void_v<T>) {
        detail::Fulfil(std::move(promise), f);
      } else {
        detail::Fulfil(std::move(promise), f, state->TakeValue());
      }
    });
    return future;
  }

  /// Calls f(ready future), whatever became of it; gives a future of f's
  /// result, with futures unwrapped. Ends this future.
  template <typename F>
  auto Finally(F f) {
    using U =
        typename detail::Chained<std::invoke_result_t<F, Future<T>>>::Type;
    Promise<U> promise;
    auto future = promise.GetFuture();
    auto* state = state_.get();
    state->OnReady([state = std::move(state_), f = std::move(f),
                    promise = std::move(promise)]() mutable {
      detail::Fulfil(std::move(promise), f, Future<T>(std::move(state)));
    });
    return future;
  }

  /// Passes value or error on to `promise`. Ends this future.
  void Forward(Promise<T> promise) {
    auto* state = state_.get();
    state->OnReady(
        [state = std::move(state_), promise = std::move(promise)]() mutable {
          if (state->Failed()) {
            promise.SetException(state->Error());
          } else if constexpr (std::is_void_v<T>) {
            promise.SetValue();
          } else {
            promise.SetValue(state->TakeValue());
          }
        });
  }

  /// Lets it run; an error is reported on the console, with `what` was tried.
  void Detach(const char* what);

  auto operator co_await() && {
    struct Awaiter {
      Future future;
      bool await_ready() const { return future.Ready(); }
      void await_suspend(std::coroutine_handle<> waiting) {
        future.state_->OnReady([waiting] { waiting.resume(); });
      }
      T await_resume() { return future.Get(); }
    };
    return Awaiter{std::move(*this)};
  }

 private:
  friend class Promise<T>;
  explicit Future(detail::FutureStatePointer<T> state)
      : state_(std::move(state)) {}

  detail::FutureStatePointer<T> state_;
};

template <typename T = void>
class Promise {
 public:
  Promise() : state_(new detail::FutureState<T>) {}
  Promise(Promise&&) noexcept = default;
  Promise& operator=(Promise&& other) noexcept {
    Promise old(std::move(other));  // what is replaced ends with it
    std::swap(state_, old.state_);
    return *this;
  }
  ~Promise() {
    if (state_ != nullptr) state_->Abandon();
  }

  /// Not set yet, not moved from.
  bool Valid() const { return state_ != nullptr && !state_->Ready(); }

  /// Once; before or after the value is set.
  Future<T> GetFuture() { return Future<T>(State()); }

  /// One of these, once.
  template <typename... V>
  void SetValue(V&&... value) {
    State()->SetValue(std::forward<V>(value)...);
  }
  void SetException(std::exception_ptr error) {
    State()->SetError(std::move(error));
  }

 private:
  /// A reference of the caller's: whoever learns of a value may end the promise
  /// while it is still being set.
  detail::FutureStatePointer<T> State() const {
    if (state_ == nullptr) [[unlikely]]
      detail::MovedPromiseUsed();
    return state_;
  }

  detail::FutureStatePointer<T> state_;
};

template <typename T>
void Future<T>::Detach(const char* what) {
  (void)Finally([what](Future<T> done) {
    try {
      done.Get();
    } catch (const std::exception& error) {
      detail::ReportUnattended(what, error);
    }
  });
}

/// A future that is ready.
template <typename T>
Future<std::decay_t<T>> MakeReadyFuture(T&& value) {
  Promise<std::decay_t<T>> promise;
  auto future = promise.GetFuture();
  promise.SetValue(std::forward<T>(value));
  return future;
}
inline Future<> MakeReadyFuture() {
  Promise<> promise;
  auto future = promise.GetFuture();
  promise.SetValue();
  return future;
}

/// A future that has failed.
template <typename T>
Future<T> MakeFailedFuture(std::exception_ptr error) {
  Promise<T> promise;
  auto future = promise.GetFuture();
  promise.SetException(std::move(error));
  return future;
}
template <typename T, typename E>
requires std::is_base_of_v<std::exception, E> Future<T> MakeFailedFuture(
    E error) {
  return MakeFailedFuture<T>(std::make_exception_ptr(std::move(error)));
}

/// A future that becomes ready after `delay`, on the calling core.
Future<> SleepFor(Clock::duration delay);

namespace detail {

template <typename T>
class CoroutinePromiseBase {
 public:
  Future<T> get_return_object() { return promise_.GetFuture(); }
  std::suspend_never initial_suspend() noexcept { return {}; }
  std::suspend_never final_suspend() noexcept { return {}; }
  void unhandled_exception() {
    promise_.SetException(std::current_exception());
  }

 protected:
  Promise<T> promise_;
};

template <typename T>
class CoroutinePromise : public CoroutinePromiseBase<T> {
 public:
  template <typename V>
  void return_value(V&& value) {
    this->promise_.SetValue(std::forward<V>(value));
  }
};

template <>
class CoroutinePromise<void> : public CoroutinePromiseBase<void> {
 public:
  void return_void() { promise_.SetValue(); }
};

}  // namespace detail

}  // namespace ebbrt
