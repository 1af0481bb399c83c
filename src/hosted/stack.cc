#include "platform/stack.h"

#include <sys/mman.h>

#include <cstddef>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/lsan_interface.h>
#endif

namespace ebbrt::platform {
namespace {

constexpr size_t kGuardSize = 4096;

}  // namespace

Stack AllocateStack() {
  void* block =
      mmap(nullptr, kGuardSize + kStackSize, PROT_READ | PROT_WRITE,
           MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK | MAP_NORESERVE, -1, 0);
  if (block == MAP_FAILED) throw std::bad_alloc();
  if (mprotect(block, kGuardSize, PROT_NONE) != 0) {
    munmap(block, kGuardSize + kStackSize);
    throw std::bad_alloc();
  }
  Stack stack{static_cast<std::byte*>(block) + kGuardSize, kStackSize};
#if defined(__SANITIZE_ADDRESS__)
  // What only a waiting event points to is not lost.
  __lsan_register_root_region(stack.lowest, stack.size);
#endif
  return stack;
}

void FreeStack(Stack stack) {
#if defined(__SANITIZE_ADDRESS__)
  __lsan_unregister_root_region(stack.lowest, stack.size);
#endif
  munmap(static_cast<std::byte*>(stack.lowest) - kGuardSize,
         kGuardSize + stack.size);
}

}  // namespace ebbrt::platform
