// Blocking for the C library's sake: a queue of waiting contexts, each of which
// may give up at a deadline.
#pragma once

#include <ctime>

#include "common/event_manager.h"
#include "native/context.h"
#include "platform/clock.h"

/// On the stack of who waits; all guarded by the queue's lock.
struct ebbrt_gthread_waiter {
  ebbrt::EventContext context;
  ebbrt::Context* owner = &ebbrt::Context::Current();
  ebbrt_gthread_waiter* next = nullptr;
  bool queued = false;
};

namespace ebbrt {

/// The short lock inside gthread objects, which are plain data.
class WordLock {
 public:
  explicit WordLock(unsigned& word) : word_(word) {
    while (__atomic_exchange_n(&word_, 1u, __ATOMIC_ACQUIRE) != 0) {
      while (__atomic_load_n(&word_, __ATOMIC_RELAXED) != 0) {
        platform::CpuRelax();
      }
    }
  }
  ~WordLock() { __atomic_store_n(&word_, 0u, __ATOMIC_RELEASE); }
  WordLock(const WordLock&) = delete;
  WordLock& operator=(const WordLock&) = delete;

 private:
  unsigned& word_;
};

/// The queue in an object with the members head and tail.
template <typename Object>
void Enqueue(Object& object, ebbrt_gthread_waiter& waiter) {
  waiter.queued = true;
  (object.head == nullptr ? object.head : object.tail->next) = &waiter;
  object.tail = &waiter;
}

/// The first in the queue, taken out; null if it is empty.
template <typename Object>
ebbrt_gthread_waiter* Dequeue(Object& object) {
  ebbrt_gthread_waiter* first = object.head;
  if (first == nullptr) return nullptr;
  object.head = first->next;
  first->next = nullptr;
  first->queued = false;
  return first;
}

/// Takes `waiter` out; false if it is in the queue no more.
template <typename Object>
bool Withdraw(Object& object, ebbrt_gthread_waiter& waiter) {
  if (!waiter.queued) return false;
  ebbrt_gthread_waiter* previous = nullptr;
  for (auto* at = object.head; at != &waiter; at = at->next) previous = at;
  (previous == nullptr ? object.head : previous->next) = waiter.next;
  if (object.tail == &waiter) object.tail = previous;
  waiter.queued = false;
  return true;
}

enum class WaitResult { kWoken, kTimedOut, kNoMemory };

/// Blocks until somebody has dequeued and activated `waiter`, which is in
/// `object`'s queue, or until `deadline`, if there is one.
template <typename Object>
WaitResult Wait(Object& object, ebbrt_gthread_waiter& waiter,
                const Clock::time_point* deadline) {
  WaitResult result = WaitResult::kWoken;
  Timer timer;
  if (deadline != nullptr) {
    timer.Start(*deadline - Clock::now(), [&] {
      {
        WordLock lock(object.spin);
        if (!Withdraw(object, waiter)) return;
      }
      result = WaitResult::kTimedOut;
      EventManager::ActivateContext(waiter.context);
    });
  }
  try {
    event_manager->SaveContext(waiter.context);
  } catch (const std::bad_alloc&) {
    // Not blocked. If somebody has activated us meanwhile, that activation is
    // on its way to a context that isn't saved; it has to be waited for.
    WordLock lock(object.spin);
    EBBRT_CHECK(Withdraw(object, waiter),
                "there is no memory for another stack");
    return WaitResult::kNoMemory;
  }
  return result;
}

/// When the absolute time `time` on CLOCK_REALTIME is, on Clock.
Clock::time_point FromRealTime(const timespec& time);

}  // namespace ebbrt
