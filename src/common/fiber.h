// Fiber: a stack that an event's execution can be left on and returned to.
//
// A thin shell over Boost.Context's switch that adds what the switch alone does
// not carry: the C++ runtime's state of caught and flying exceptions and errno
// belong to the execution that was left, not to the core; and the sanitizers
// must be told. Everything about *when* to switch is event_manager's business.
#pragma once

#include <boost/context/detail/fcontext.hpp>

#include "platform/stack.h"

namespace ebbrt {

/// What C and C++ hide per thread and must stay with an execution that is left:
/// the Itanium C++ ABI's __cxa_eh_globals (§2.2.2) and errno.
class HiddenState {
 public:
  /// Takes the current core's state and leaves a fresh one.
  static HiddenState Take();
  /// Makes this the current core's state again.
  void Restore() const;

 private:
  void* caught_exceptions_;
  unsigned int uncaught_count_;
  int errno_;
};

/// One execution, on its own stack from the platform's pool. Used by one core
/// only: made, entered and freed there.
class Fiber {
 public:
  using Entry = void (*)(void* argument);

  /// An execution that, when first switched to, runs entry(argument). `entry`
  /// must not return: it leaves by SwitchTo for the last time. Throws
  /// std::bad_alloc.
  Fiber(Entry entry, void* argument);
  /// Stands for the execution that is running now, on the stack it was given.
  Fiber();
  /// The fiber must not be the running one.
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Leaves `this`, which is running, for `next`; returns when some execution
  /// of the core switches back.
  void SwitchTo(Fiber& next);

 private:
  static void Start(boost::context::detail::transfer_t transfer);
  void Arrived(boost::context::detail::transfer_t transfer);

  boost::context::detail::fcontext_t context_ = nullptr;
  platform::Stack stack_{};
  Entry entry_ = nullptr;
  void* argument_ = nullptr;
  void* sanitizer_fiber_ = nullptr;  // TSan's handle; ASan's fake stack
  bool owns_stack_ = false;
};

}  // namespace ebbrt
