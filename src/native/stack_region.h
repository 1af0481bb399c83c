// Where guarded stacks lie; platform/stack.h is the interface to them.
//
// The region is divided in slots. Each begins with the page of the stack's
// Context (context.h), then comes the unmapped guard, then the stack, and, but
// for images that chose a larger one, another unmapped page. Slots are a power
// of two apart, so that the context is found from a stack pointer.
//
// What exceptions and interrupts run on (core_block.h) lies elsewhere, above
// guards as large as the stacks.
#pragma once

#include <cstdint>

#include "native/core_block.h"
#include "native/image.h"
#include "native/page_info.h"
#include "native/paging.h"
#include "platform/stack.h"

namespace ebbrt {

inline constexpr uint64_t kContextSize = kPageSize;

/// Usable bytes of a stack, and bytes from one stack's slot to the next; the
/// image's choice (ebbrt.ld).
inline uint64_t StackSize() { return image::Address(stack_size); }
inline uint64_t StackSlot() { return image::Address(stack_slot); }
/// Bytes of the guard, at least a page. It is as large as there are addresses:
/// frames larger than a page must not reach over it.
inline uint64_t GuardSize() { return image::Address(stack_guard); }

inline constexpr uint64_t kInterruptStackSize = 16 * 1024;

/// The end of the interrupt stack number `index` of `core`.
constexpr uint64_t InterruptStackTop(CoreId core, unsigned index) {
  return kInterruptStackRegion +
         (uint64_t{core} * kInterruptStacks + index + 1) * 2 *
             kInterruptStackSize;
}

/// Whether `address` lies in the unmapped memory below an interrupt stack.
inline bool IsInterruptStackGuard(uint64_t address) {
  return address - kInterruptStackRegion < kInterruptStackRegionSize &&
         (address & kInterruptStackSize) == 0;
}

/// Whether `address` lies in the unmapped memory below a stack of the region or
/// the boot stack. Inline, since exceptions use it (exception.cc).
inline bool IsStackGuard(uint64_t address) {
  if (address - kStackRegion < kRegionSize) {
    return ((address - kStackRegion) & (StackSlot() - 1)) - kContextSize <
           GuardSize();
  }
  return address - image::Address(boot_stack_guard) < kPageSize;
}

/// Makes a Context in the page of a new stack (context.cc).
void InitContext(void* page);

inline uint64_t StackPointer() {
  uint64_t value;
  asm("mov %%rsp, %0" : "=r"(value));
  return value;
}

/// Whether the calling code runs on a stack of the region.
inline bool IsOnStackRegion() {
  return StackPointer() - kStackRegion < kRegionSize;
}

/// The page for the Context of the stack that the calling code runs on; it must
/// be one of the region.
inline void* ContextPage() {
  void* page;
  // A negative address, which only an instruction's own operand can be.
  asm("mov %%rsp, %0\n\tand %1, %0" : "=r"(page) : "i"(stack_mask) : "cc");
  return page;
}

}  // namespace ebbrt
