// POSIX's memory mapping of memory that is no file, on virtual regions.
//
// Memory comes with the first access, as on Linux; with MAP_POPULATE at once,
// and only so is its exhaustion an error and not a fault. A hint where to map
// is not taken. MAP_FIXED replaces pages inside a mapping that is there.

#include <sys/mman.h>

#include <cerrno>
#include <new>
#include <stdexcept>

#include "native/virtual_memory.h"

namespace {

using ebbrt::Access;
using ebbrt::virtual_memory;

Access AccessFor(int protection) {
  bool write = (protection & PROT_WRITE) != 0;
  if ((protection & PROT_EXEC) != 0) {
    return write ? Access::kReadWriteExecute : Access::kReadExecute;
  }
  if (write) return Access::kReadWrite;
  return (protection & PROT_READ) != 0 ? Access::kRead : Access::kNone;
}

/// Runs `change`; 0, or -1 with errno set: `not_mapped` for a range that isn't.
template <typename Change>
int Try(int not_mapped, Change change) {
  try {
    change();
    return 0;
  } catch (const std::invalid_argument&) {
    errno = not_mapped;
  } catch (const std::bad_alloc&) {
    errno = ENOMEM;
  }
  return -1;
}

bool IsPageAligned(const void* address) {
  return reinterpret_cast<uintptr_t>(address) % ebbrt::kPageSize == 0;
}

void* Map(void* fixed, size_t size, Access access, bool populate) {
  void* begin = fixed;
  if (fixed != nullptr) {
    virtual_memory->Decommit(fixed, size);
  } else {
    begin = virtual_memory->Reserve(size);
  }
  try {
    if (populate) {
      virtual_memory->Commit(begin, size, access);
    } else {
      virtual_memory->CommitOnDemand(begin, size, access);
    }
  } catch (...) {
    if (fixed == nullptr) virtual_memory->Release(begin, size);
    throw;
  }
  return begin;
}

}  // namespace

extern "C" {

void* mmap(void* address, size_t size, int protection, int flags, int, off_t) {
  bool fixed = (flags & MAP_FIXED) != 0;
  if ((flags & MAP_ANONYMOUS) == 0) {
    errno = ENODEV;
    return MAP_FAILED;
  }
  if (size == 0 || (fixed && (address == nullptr || !IsPageAligned(address)))) {
    errno = EINVAL;
    return MAP_FAILED;
  }
  void* mapped = MAP_FAILED;
  Try(ENOMEM, [&] {
    mapped = Map(fixed ? address : nullptr, size, AccessFor(protection),
                 (flags & MAP_POPULATE) != 0);
  });
  return mapped;
}

int munmap(void* address, size_t size) {
  if (!IsPageAligned(address)) {
    errno = EINVAL;
    return -1;
  }
  return Try(EINVAL, [&] { virtual_memory->Release(address, size); });
}

int mprotect(void* address, size_t size, int protection) {
  if (!IsPageAligned(address)) {
    errno = EINVAL;
    return -1;
  }
  if (size == 0) return 0;
  return Try(ENOMEM, [&] {
    virtual_memory->CommitOnDemand(address, size, AccessFor(protection));
  });
}

int madvise(void* address, size_t size, int advice) {
  if (!IsPageAligned(address)) {
    errno = EINVAL;
    return -1;
  }
  if (size == 0) return 0;
  switch (advice) {
    case MADV_DONTNEED:
    case MADV_FREE:
      return Try(ENOMEM, [&] { virtual_memory->Discard(address, size); });
    case MADV_NORMAL:
    case MADV_RANDOM:
    case MADV_SEQUENTIAL:
    case MADV_WILLNEED:
      return 0;
    default:
      errno = EINVAL;
      return -1;
  }
}

}  // extern "C"
