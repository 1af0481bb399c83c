// Stacks for events that block. Native side.
#pragma once

#include <cstddef>

namespace ebbrt::platform {

/// Usable bytes from `lowest` up; the page below is unmapped, so running out of
/// stack is a reported fault.
struct Stack {
  void* lowest;
  size_t size;
};

/// A stack of the size that the image was linked for (ebbrt_image's STACK_SLOT;
/// 64 KiB), mapped already. From this core's pool if it has one.
/// Throws std::bad_alloc.
Stack AllocateStack();

/// Gives it to this core's pool. The stack must not be in use.
void FreeStack(Stack stack);

}  // namespace ebbrt::platform
