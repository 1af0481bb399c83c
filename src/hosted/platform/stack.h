// Platform header "stack", Linux: stacks for events that block.
#pragma once

#include <cstddef>

namespace ebbrt::platform {

/// Usable bytes of a stack; the page below them is a guard.
inline constexpr size_t kStackSize = 256 << 10;

struct Stack {
  void* lowest = nullptr;  ///< lowest usable address
  size_t size = 0;         ///< usable bytes
};

/// Throws std::bad_alloc. Any thread.
Stack AllocateStack();
void FreeStack(Stack stack);

}  // namespace ebbrt::platform
