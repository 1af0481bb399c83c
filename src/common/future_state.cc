#include "common/future_state.h"

#include <condition_variable>
#include <mutex>

#include "common/check.h"
#include "common/event_manager.h"
#include "common/future.h"
#include "platform/core.h"

namespace ebbrt::detail {
namespace {

/// Blocks a thread that is no core until another has called Notify.
class [[maybe_unused]] ThreadWaiter {
 public:
  void Notify() {
    std::lock_guard guard(mutex_);
    notified_ = true;
    condition_.notify_one();  // under the lock: the waiter may be gone after it
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    condition_.wait(lock, [this] { return notified_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool notified_ = false;
};

}  // namespace

void MovedPromiseUsed() {
  platform::Panic(__FILE__, __LINE__, "the promise has a state",
                  "a promise that was moved away was used");
}

void intrusive_ptr_release(FutureStateBase* state) {
  if (state->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    delete state;
  }
}

void FutureStateBase::CheckUnset() const {
  EBBRT_CHECK(!ready_.load(std::memory_order_relaxed),
              "a promise was set twice");
}

void FutureStateBase::SetError(std::exception_ptr error) {
  CheckUnset();
  EBBRT_CHECK(error != nullptr, "a promise fails with an exception");
  error_ = std::move(error);
  Settle();
}

void FutureStateBase::Abandon() {
  if (!Ready()) SetError(std::make_exception_ptr(BrokenPromise()));
}

/// The caller holds a reference: the consumer may be through with the state
/// before we have unlocked.
void FutureStateBase::Settle() {
  MoveFunction<void()> continuation;
  CoreId core;
  {
    std::lock_guard guard(lock_);
    ready_.store(true, std::memory_order_release);
    continuation = std::move(continuation_);
    core = core_;
  }
  if (!continuation) return;
  if (core == kNoCore || core == platform::CurrentCore()) {
    continuation();
  } else {
    EventManager::SpawnRemote(std::move(continuation), core);
  }
}

void FutureStateBase::OnReady(MoveFunction<void()> continuation) {
  {
    std::lock_guard guard(lock_);
    if (!ready_.load(std::memory_order_relaxed)) {
      EBBRT_CHECK(!continuation_, "a future has one continuation");
      core_ = platform::CurrentCore();
      continuation_ = std::move(continuation);
      return;
    }
  }
  continuation();
}

void FutureStateBase::Wait() {
  if (Ready()) return;
  if constexpr (platform::kHasThreadsBesideCores) {
    if (platform::CurrentCore() == kNoCore) {
      ThreadWaiter waiter;
      OnReady([&waiter] { waiter.Notify(); });
      waiter.Wait();
      return;
    }
  }
  event_manager->ReserveStack();  // before the promise knows of the context
  EventContext context;
  OnReady([&context] { EventManager::ActivateContext(context); });
  event_manager->SaveContext(context);
}

void FutureStateBase::ThrowIfFailed() {
  if (Failed()) std::rethrow_exception(error_);
}

}  // namespace ebbrt::detail
