// Mutexes and once-objects (<sys/gthread.h> is the specification). A contended
// lock blocks its context and hands the mutex to the one that waits longest.

#include <cerrno>
#include <mutex>
#include <utility>

#include "common/check.h"
#include "native/libc/wait.h"

namespace {

using ebbrt::Clock;
using ebbrt::Context;
using ebbrt::Dequeue;
using ebbrt::Enqueue;
using ebbrt::WaitResult;
using ebbrt::Wait;
using ebbrt::WordLock;

enum class Kind { kPlain, kRecursive };

/// Takes the mutex if that can be done at once; its lock is held.
int TryLocked(ebbrt_gthread_mutex_t& mutex, Context& self, Kind kind) {
  if (mutex.locked == 0) {
    mutex.locked = 1;
    mutex.owner = &self;
    mutex.count = 1;
    return 0;
  }
  if (mutex.owner == &self) {
    if (kind == Kind::kPlain) return EDEADLK;
    ++mutex.count;
    return 0;
  }
  return EBUSY;
}

int TryLock(ebbrt_gthread_mutex_t& mutex, Kind kind) {
  WordLock lock(mutex.spin);
  int error = TryLocked(mutex, Context::Current(), kind);
  return error == EDEADLK ? EBUSY : error;
}

int Lock(ebbrt_gthread_mutex_t& mutex, Kind kind,
         const Clock::time_point* deadline) {
  Context& self = Context::Current();
  ebbrt_gthread_waiter waiter;
  {
    WordLock lock(mutex.spin);
    int error = TryLocked(mutex, self, kind);
    if (error != EBUSY) return error;
    EBBRT_CHECK(Context::CanBlock(),
                "code that is no event waits for a mutex");
    Enqueue(mutex, waiter);
  }
  switch (Wait(mutex, waiter, deadline)) {
    case WaitResult::kWoken:  // Unlock has made us the owner
      return 0;
    case WaitResult::kTimedOut:
      return ETIMEDOUT;
    case WaitResult::kNoMemory:
      break;
  }
  return ENOMEM;
}

int LockUntil(ebbrt_gthread_mutex_t& mutex, Kind kind, const timespec* until) {
  Clock::time_point deadline = ebbrt::FromRealTime(*until);
  return Lock(mutex, kind, &deadline);
}

int Unlock(ebbrt_gthread_mutex_t& mutex) {
  ebbrt_gthread_waiter* next;
  {
    WordLock lock(mutex.spin);
    if (mutex.locked == 0 || mutex.owner != &Context::Current()) return EPERM;
    if (--mutex.count > 0) return 0;
    next = Dequeue(mutex);
    if (next == nullptr) {
      mutex.locked = 0;
      mutex.owner = nullptr;
      return 0;
    }
    mutex.owner = next->owner;
    mutex.count = 1;
  }
  ebbrt::EventManager::ActivateContext(next->context);
  return 0;
}

enum OnceState : unsigned { kNever, kRunning, kDone };

/// Ends the running of `once` with `state` and lets those who wait look again.
void EndOnce(ebbrt_gthread_once_t& once, OnceState state) {
  for (;;) {
    ebbrt_gthread_waiter* waiter;
    {
      WordLock lock(once.spin);
      __atomic_store_n(&once.state, state, __ATOMIC_RELEASE);
      waiter = Dequeue(once);
    }
    if (waiter == nullptr) return;
    ebbrt::EventManager::ActivateContext(waiter->context);
    // After a failure one is enough: it tries next.
    if (state == kNever) return;
  }
}

/// std::call_once leaves its argument in thread-locals, which belong to the
/// core: an event that waits has to find it again.
class OnceArgument {
 public:
  OnceArgument() : callable_(std::__once_callable), call_(std::__once_call) {}
  ~OnceArgument() {
    std::__once_callable = callable_;
    std::__once_call = call_;
  }
  OnceArgument(const OnceArgument&) = delete;
  OnceArgument& operator=(const OnceArgument&) = delete;

 private:
  void* callable_;
  void (*call_)();
};

}  // namespace

extern "C" {

int ebbrt_gthread_active_p() { return 1; }

int ebbrt_gthread_mutex_lock(ebbrt_gthread_mutex_t* mutex) {
  return Lock(*mutex, Kind::kPlain, nullptr);
}
int ebbrt_gthread_mutex_trylock(ebbrt_gthread_mutex_t* mutex) {
  return TryLock(*mutex, Kind::kPlain);
}
int ebbrt_gthread_mutex_timedlock(ebbrt_gthread_mutex_t* mutex,
                                  const timespec* until) {
  return LockUntil(*mutex, Kind::kPlain, until);
}
int ebbrt_gthread_mutex_unlock(ebbrt_gthread_mutex_t* mutex) {
  return Unlock(*mutex);
}
int ebbrt_gthread_mutex_destroy(ebbrt_gthread_mutex_t*) { return 0; }

int ebbrt_gthread_recursive_mutex_lock(ebbrt_gthread_mutex_t* mutex) {
  return Lock(*mutex, Kind::kRecursive, nullptr);
}
int ebbrt_gthread_recursive_mutex_trylock(ebbrt_gthread_mutex_t* mutex) {
  return TryLock(*mutex, Kind::kRecursive);
}
int ebbrt_gthread_recursive_mutex_timedlock(ebbrt_gthread_mutex_t* mutex,
                                            const timespec* until) {
  return LockUntil(*mutex, Kind::kRecursive, until);
}
int ebbrt_gthread_recursive_mutex_unlock(ebbrt_gthread_mutex_t* mutex) {
  return Unlock(*mutex);
}
int ebbrt_gthread_recursive_mutex_destroy(ebbrt_gthread_mutex_t*) { return 0; }

int ebbrt_gthread_once(ebbrt_gthread_once_t* once, void (*function)()) {
  while (__atomic_load_n(&once->state, __ATOMIC_ACQUIRE) != kDone) {
    ebbrt_gthread_waiter waiter;
    bool run;
    {
      WordLock lock(once->spin);
      if (once->state == kDone) return 0;
      run = once->state == kNever;
      once->state = kRunning;
      if (!run) Enqueue(*once, waiter);
    }
    if (!run) {
      EBBRT_CHECK(Context::CanBlock(),
                  "code that is no event waits for another's initialisation");
      OnceArgument argument;
      if (Wait(*once, waiter, nullptr) == WaitResult::kNoMemory) return ENOMEM;
      continue;
    }
    try {
      function();
    } catch (...) {
      EndOnce(*once, kNever);
      throw;
    }
    EndOnce(*once, kDone);
  }
  return 0;
}

}  // extern "C"
