// Context: what C and C++ keep per thread, here per stack.
//
// An event that blocks keeps its stack, and the next events run on another; so
// the stack is the thread, as far as errno, gthread keys and the identity of a
// mutex's owner go. Contexts lie beside the guarded stacks at a fixed distance,
// found from the stack pointer with a mask. Code on other stacks (constructors on
// the boot stack, exceptions) shares one that belongs to the boot.
#pragma once

#include <array>
#include <cstddef>
#include <reent.h>
#include <sys/gthread.h>

#include "common/event_manager.h"
#include "common/spin_lock.h"
#include "native/stack_region.h"

/// A context as others wait for its end; for std::thread. Plain until joined.
struct ebbrt_gthread_control {
  void* (*function)(void*) = nullptr;
  void* argument = nullptr;
  void* result = nullptr;
  ebbrt::SpinLock lock;
  enum class State { kRunning, kDetached, kEnded } state = State::kRunning;
  ebbrt::EventContext* joiner = nullptr;
};

namespace ebbrt {

struct Context {
  static constexpr size_t kKeys = 64;

  /// The calling code's. Any context but interrupt stubs.
  static Context& Current();
  /// Whether the calling code may block: it runs on an event's stack.
  static bool CanBlock() { return IsOnStackRegion(); }

  /// Ends the values of all keys by their destructors (libc/gthread_key.cc).
  void RunKeyDestructors();

  _reent reent;
  std::array<void*, kKeys> key_values;
  ebbrt_gthread_control* thread;         // of a std::thread that runs here
  ebbrt_gthread_control own_control;     // stands for any other code here
};
static_assert(sizeof(Context) <= kContextSize);

}  // namespace ebbrt
