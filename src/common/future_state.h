// FutureState: what a Future and its Promise share (future.h).
//
// The producer writes the value or the error and then settles the state; from
// then on both belong to the consumer. All that doesn't depend on the type of
// the value is in the base class, compiled once: an image has dozens of types
// of futures.
//
// Counted by reference, by hand rather than by intrusive_ref_counter, whose end
// of the last reference would be inline everywhere. Either end may be on any
// core or thread.
#pragma once

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include <atomic>
#include <cstdint>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

#include "common/move_function.h"
#include "common/spin_lock.h"
#include "common/types.h"

namespace ebbrt::detail {

/// Stops the node: a promise that was moved away was used. Here and not inline,
/// since it would be in every use of a promise.
[[noreturn, gnu::cold]] void MovedPromiseUsed();

/// What stands for void where a value is stored.
struct Unit {};

template <typename T>
using Stored = std::conditional_t<std::is_void_v<T>, Unit, T>;

class FutureStateBase {
 public:
  FutureStateBase() = default;
  FutureStateBase(const FutureStateBase&) = delete;
  FutureStateBase& operator=(const FutureStateBase&) = delete;

  // --- the producer's, one of them, once -------------------------------------
  void SetError(std::exception_ptr error);
  /// The producer goes away: fails with BrokenPromise unless it was set.
  void Abandon();

  // --- the consumer's --------------------------------------------------------
  bool Ready() const { return ready_.load(std::memory_order_acquire); }
  /// Ready, and with an error.
  bool Failed() const { return error_ != nullptr; }
  /// Runs `continuation` when ready; at once if it is. Once.
  void OnReady(MoveFunction<void()> continuation);
  /// Blocks the event, or the thread that is no core, until ready.
  void Wait();
  /// Ready: throws the error if there is one.
  void ThrowIfFailed();
  /// Failed: the error. It stays failed.
  const std::exception_ptr& Error() const { return error_; }

 protected:
  virtual ~FutureStateBase() = default;
  void CheckUnset() const;
  /// Makes ready and runs the continuation, on the core that attached it.
  void Settle();

 private:
  friend void intrusive_ptr_add_ref(FutureStateBase* state) {
    state->references_.fetch_add(1, std::memory_order_relaxed);
  }
  friend void intrusive_ptr_release(FutureStateBase* state);

  std::atomic<uint32_t> references_{0};
  std::atomic<bool> ready_{false};
  SpinLock lock_;
  CoreId core_ = kNoCore;              // guarded by lock_
  MoveFunction<void()> continuation_;  // guarded by lock_
  std::exception_ptr error_;  // the producer's, from ready on the consumer's
};

template <typename T>
class FutureState final : public FutureStateBase {
 public:
  template <typename... V>
  void SetValue(V&&... value) {
    CheckUnset();
    value_.emplace(std::forward<V>(value)...);
    Settle();
  }
  /// Ready and not failed; once.
  Stored<T> TakeValue() { return *std::move(value_); }

 private:
  std::optional<Stored<T>> value_;
};

template <typename T>
using FutureStatePointer = boost::intrusive_ptr<FutureState<T>>;

}  // namespace ebbrt::detail
