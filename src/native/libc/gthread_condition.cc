// Condition variables (<sys/gthread.h> is the specification).

#include <cerrno>

#include "common/check.h"
#include "native/libc/wait.h"

namespace {

using ebbrt::Clock;
using ebbrt::Dequeue;
using ebbrt::Enqueue;
using ebbrt::WaitResult;
using ebbrt::Wait;
using ebbrt::WordLock;

int WaitUntil(ebbrt_gthread_cond_t& condition, ebbrt_gthread_mutex_t& mutex,
              const Clock::time_point* deadline) {
  EBBRT_CHECK(ebbrt::Context::CanBlock(),
              "code that is no event waits for a condition");
  ebbrt_gthread_waiter waiter;
  {
    WordLock lock(condition.spin);
    Enqueue(condition, waiter);
  }
  ebbrt_gthread_mutex_unlock(&mutex);
  WaitResult result = Wait(condition, waiter, deadline);
  int error = ebbrt_gthread_mutex_lock(&mutex);
  if (error != 0) return error;
  switch (result) {
    case WaitResult::kWoken:
      return 0;
    case WaitResult::kTimedOut:
      return ETIMEDOUT;
    case WaitResult::kNoMemory:
      break;
  }
  return ENOMEM;
}

/// Wakes one; false if none waits.
bool Signal(ebbrt_gthread_cond_t& condition) {
  ebbrt_gthread_waiter* waiter;
  {
    WordLock lock(condition.spin);
    waiter = Dequeue(condition);
  }
  if (waiter == nullptr) return false;
  ebbrt::EventManager::ActivateContext(waiter->context);
  return true;
}

}  // namespace

extern "C" {

int ebbrt_gthread_cond_wait(ebbrt_gthread_cond_t* condition,
                            ebbrt_gthread_mutex_t* mutex) {
  return WaitUntil(*condition, *mutex, nullptr);
}

int ebbrt_gthread_cond_timedwait(ebbrt_gthread_cond_t* condition,
                                 ebbrt_gthread_mutex_t* mutex,
                                 const timespec* until) {
  Clock::time_point deadline = ebbrt::FromRealTime(*until);
  return WaitUntil(*condition, *mutex, &deadline);
}

int ebbrt_gthread_cond_signal(ebbrt_gthread_cond_t* condition) {
  Signal(*condition);
  return 0;
}

int ebbrt_gthread_cond_broadcast(ebbrt_gthread_cond_t* condition) {
  ebbrt_gthread_waiter* all;
  {
    // Only those who wait now: one that waits again is not to be woken twice.
    WordLock lock(condition->spin);
    all = condition->head;
    condition->head = nullptr;
    for (auto* waiter = all; waiter != nullptr; waiter = waiter->next) {
      waiter->queued = false;
    }
  }
  while (all != nullptr) {
    ebbrt_gthread_waiter* next = all->next;  // gone once it is activated
    ebbrt::EventManager::ActivateContext(all->context);
    all = next;
  }
  return 0;
}

int ebbrt_gthread_cond_destroy(ebbrt_gthread_cond_t*) { return 0; }

}  // extern "C"
