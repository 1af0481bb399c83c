// std::thread as an event with a context of its own, and the values that
// contexts have for keys (<sys/gthread.h> is the specification).

#include <atomic>
#include <cerrno>
#include <memory>
#include <mutex>
#include <new>

#include "common/check.h"
#include "native/libc/wait.h"
#include "platform/core.h"

namespace {

using ebbrt::Context;
using ebbrt::CoreId;
using ebbrt::EventContext;
using ebbrt::EventManager;
using Control = ebbrt_gthread_control;
using Destructor = void (*)(void*);

/// Threads go to the cores in turn, beginning with the first.
CoreId NextCore() {
  static std::atomic<CoreId> next;
  return next.fetch_add(1, std::memory_order_relaxed) %
         static_cast<CoreId>(ebbrt::platform::CoreCount());
}

void RunThread(Control* control) {
  Context& context = Context::Current();
  context.thread = control;
  control->result = control->function(control->argument);
  context.RunKeyDestructors();
  context.thread = nullptr;
  EventContext* joiner;
  {
    std::lock_guard guard(control->lock);
    joiner = control->joiner;
    if (control->state == Control::State::kRunning) {
      control->state = Control::State::kEnded;
      control = nullptr;  // whoever joins frees it
    }
  }
  if (joiner != nullptr) EventManager::ActivateContext(*joiner);
  delete control;
}

struct Key {
  bool used = false;
  Destructor destructor = nullptr;
};
ebbrt::SpinLock key_lock;  // guards keys
std::array<Key, Context::kKeys> keys;

}  // namespace

void ebbrt::Context::RunKeyDestructors() {
  // A destructor may set values again; POSIX asks for a few rounds at least.
  constexpr int kRounds = 4;
  for (int round = 0; round < kRounds; ++round) {
    bool any = false;
    for (size_t key = 1; key < kKeys; ++key) {
      void* value = std::exchange(key_values[key], nullptr);
      Destructor destructor = keys[key].destructor;
      if (value == nullptr || destructor == nullptr) continue;
      any = true;
      destructor(value);
    }
    if (!any) return;
  }
}

extern "C" {

int ebbrt_gthread_create(ebbrt_gthread_t* thread, void* (*function)(void*),
                         void* argument) {
  try {
    auto control = std::make_unique<Control>();
    control->function = function;
    control->argument = argument;
    *thread = control.get();
    EventManager::SpawnRemote([c = control.get()] { RunThread(c); },
                              NextCore());
    control.release();
  } catch (const std::bad_alloc&) {
    return EAGAIN;
  }
  return 0;
}

int ebbrt_gthread_join(ebbrt_gthread_t thread, void** result) {
  EventContext context;
  bool wait;
  if (Context::CanBlock()) {
    try {
      ebbrt::event_manager->ReserveStack();
    } catch (const std::bad_alloc&) {
      return ENOMEM;
    }
  }
  {
    std::lock_guard guard(thread->lock);
    if (thread->state == Control::State::kDetached ||
        thread->joiner != nullptr) {
      return EINVAL;
    }
    if (thread == ebbrt_gthread_self()) return EDEADLK;
    wait = thread->state != Control::State::kEnded;
    if (wait) thread->joiner = &context;
  }
  if (wait) {
    EBBRT_CHECK(Context::CanBlock(), "code that is no event joins a thread");
    ebbrt::event_manager->SaveContext(context);
  }
  if (result != nullptr) *result = thread->result;
  delete thread;
  return 0;
}

int ebbrt_gthread_detach(ebbrt_gthread_t thread) {
  {
    std::lock_guard guard(thread->lock);
    if (thread->state == Control::State::kRunning) {
      thread->state = Control::State::kDetached;
      return 0;
    }
  }
  delete thread;
  return 0;
}

ebbrt_gthread_t ebbrt_gthread_self() {
  Context& context = Context::Current();
  return context.thread != nullptr ? context.thread : &context.own_control;
}

int ebbrt_gthread_equal(ebbrt_gthread_t a, ebbrt_gthread_t b) { return a == b; }

int ebbrt_gthread_yield() {
  if (!Context::CanBlock()) return 0;
  try {
    ebbrt::event_manager->ReserveStack();
  } catch (const std::bad_alloc&) {
    return 0;  // it is a hint
  }
  EventContext context;
  EventManager::ActivateContext(context);
  ebbrt::event_manager->SaveContext(context);
  return 0;
}

int ebbrt_gthread_key_create(ebbrt_gthread_key_t* key, Destructor destructor) {
  std::lock_guard guard(key_lock);
  for (size_t i = 1; i < keys.size(); ++i) {
    if (keys[i].used) continue;
    keys[i] = {true, destructor};
    *key = static_cast<ebbrt_gthread_key_t>(i);
    return 0;
  }
  return EAGAIN;
}

int ebbrt_gthread_key_delete(ebbrt_gthread_key_t key) {
  std::lock_guard guard(key_lock);
  if (key == 0 || key >= keys.size() || !keys[key].used) return EINVAL;
  keys[key] = {};
  return 0;
}

void* ebbrt_gthread_getspecific(ebbrt_gthread_key_t key) {
  return key < Context::kKeys ? Context::Current().key_values[key] : nullptr;
}

int ebbrt_gthread_setspecific(ebbrt_gthread_key_t key, const void* value) {
  if (key == 0 || key >= Context::kKeys) return EINVAL;
  Context::Current().key_values[key] = const_cast<void*>(value);
  return 0;
}

/// thread_local variables belong to a core, and cores don't end: they are never
/// destroyed. Takes the place of libsupc++'s, which would destroy them when the
/// std::thread ends that used them first.
int __cxa_thread_atexit(void (*)(void*), void*, void*) { return 0; }

}  // extern "C"
