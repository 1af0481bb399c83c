// ISO C's and POSIX's allocation functions, on the heap.

#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "native/heap.h"

namespace {

using Heap = ebbrt::GeneralPurposeAllocator;

void* OrNoMemory(void* memory) {
  if (memory == nullptr) errno = ENOMEM;
  return memory;
}

}  // namespace

extern "C" {

void* malloc(size_t size) { return OrNoMemory(Heap::Own().Allocate(size)); }

void free(void* memory) { Heap::Own().Free(memory); }

void* calloc(size_t count, size_t size) {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) return OrNoMemory(nullptr);
  void* memory = OrNoMemory(Heap::Own().Allocate(bytes));
  if (memory != nullptr) std::memset(memory, 0, bytes);
  return memory;
}

void* realloc(void* memory, size_t size) {
  if (memory == nullptr) return malloc(size);
  if (void* same = Heap::ResizeInPlace(memory, size)) return same;
  void* moved = malloc(size);
  if (moved == nullptr) return nullptr;
  size_t old_size = Heap::UsableSize(memory);
  std::memcpy(moved, memory, old_size < size ? old_size : size);
  Heap::Own().Free(memory);
  return moved;
}

void* memalign(size_t alignment, size_t size) {
  if (!std::has_single_bit(alignment)) {
    errno = EINVAL;
    return nullptr;
  }
  return OrNoMemory(Heap::Own().AllocateAligned(alignment, size));
}

void* aligned_alloc(size_t alignment, size_t size) {
  return memalign(alignment, size);
}

int posix_memalign(void** result, size_t alignment, size_t size) {
  if (!std::has_single_bit(alignment) || alignment % sizeof(void*) != 0) {
    return EINVAL;
  }
  void* memory = Heap::Own().AllocateAligned(alignment, size);
  if (memory == nullptr) return ENOMEM;
  *result = memory;
  return 0;
}

size_t malloc_usable_size(void* memory) {
  return memory == nullptr ? 0 : Heap::UsableSize(memory);
}

}  // extern "C"
