// What address a device sees for memory of ours.
#pragma once

#include <cstdint>

#include "common/check.h"

namespace ebbrt::virtio {

/// Whether a device finds the same at the address we use. RAM is identity
/// mapped in the lower half of the address space; the virtual regions (event
/// stacks among them) lie in the upper half, where pages that follow each other
/// need not do so for a device. Any context.
inline bool IsDeviceMemory(const void* pointer) {
  return static_cast<intptr_t>(reinterpret_cast<uintptr_t>(pointer)) > 0;
}

/// The bus address of `pointer`, which must be IsDeviceMemory. Any context.
inline uint64_t DeviceAddress(const void* pointer) {
  EBBRT_CHECK(IsDeviceMemory(pointer),
              "memory of a virtual region was given to a device");
  return reinterpret_cast<uintptr_t>(pointer);
}

}  // namespace ebbrt::virtio
