#include "common/fiber.h"

#include <cxxabi.h>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "common/check.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace ebbrt {
namespace {

namespace context = boost::context::detail;

// The layout that the ABI fixes for what __cxa_get_globals points to; the
// header only declares it.
struct ExceptionGlobals {
  void* caught_exceptions;
  unsigned int uncaught_count;
};

ExceptionGlobals& CurrentExceptionGlobals() {
  return *reinterpret_cast<ExceptionGlobals*>(abi::__cxa_get_globals());
}

/// From and to, handed through the switch so that the arriving side can record
/// where the leaving one can be resumed.
struct Passage {
  Fiber* from;
  Fiber* to;
};

}  // namespace

HiddenState HiddenState::Take() {
  HiddenState state;
  ExceptionGlobals& globals = CurrentExceptionGlobals();
  state.caught_exceptions_ = std::exchange(globals.caught_exceptions, nullptr);
  state.uncaught_count_ = std::exchange(globals.uncaught_count, 0);
  state.errno_ = std::exchange(errno, 0);
  return state;
}

void HiddenState::Restore() const {
  ExceptionGlobals& globals = CurrentExceptionGlobals();
  globals.caught_exceptions = caught_exceptions_;
  globals.uncaught_count = uncaught_count_;
  errno = errno_;
}

Fiber::Fiber(Entry entry, void* argument)
    : stack_(platform::AllocateStack()),
      entry_(entry),
      argument_(argument),
      owns_stack_(true) {
  void* top = static_cast<std::byte*>(stack_.lowest) + stack_.size;
  context_ = context::make_fcontext(top, stack_.size, &Fiber::Start);
#if defined(__SANITIZE_THREAD__)
  sanitizer_fiber_ = __tsan_create_fiber(0);
#endif
}

Fiber::Fiber() {
#if defined(__SANITIZE_THREAD__)
  sanitizer_fiber_ = __tsan_get_current_fiber();
#endif
}

Fiber::~Fiber() {
  if (!owns_stack_) return;
#if defined(__SANITIZE_THREAD__)
  __tsan_destroy_fiber(sanitizer_fiber_);
#endif
#if defined(__SANITIZE_ADDRESS__)
  // The frames that stood here are gone without having been left in order.
  __asan_unpoison_memory_region(stack_.lowest, stack_.size);
#endif
  platform::FreeStack(stack_);
}

void Fiber::SwitchTo(Fiber& next) {
  EBBRT_CHECK(next.context_ != nullptr, "switch to a running fiber");
  Passage passage{this, &next};
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(next.sanitizer_fiber_, 0);
#endif
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_start_switch_fiber(&sanitizer_fiber_, next.stack_.lowest,
                                 next.stack_.size);
#endif
  Arrived(
      context::jump_fcontext(std::exchange(next.context_, nullptr), &passage));
}

void Fiber::Start(context::transfer_t transfer) {
  Fiber* self = static_cast<Passage*>(transfer.data)->to;
  self->Arrived(transfer);
  self->entry_(self->argument_);
  EBBRT_CHECK(false, "a fiber's entry returned");
}

void Fiber::Arrived(context::transfer_t transfer) {
  Fiber& from = *static_cast<Passage*>(transfer.data)->from;
  from.context_ = transfer.fctx;
#if defined(__SANITIZE_ADDRESS__)
  const void* from_lowest;
  size_t from_size;
  __sanitizer_finish_switch_fiber(sanitizer_fiber_, &from_lowest, &from_size);
  // The thread's own stack is only known from here.
  from.stack_ = {const_cast<void*>(from_lowest), from_size};
#endif
}

}  // namespace ebbrt
