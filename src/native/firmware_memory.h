// Helpers for tables that firmware leaves in memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ebbrt {

/// The BIOS areas below 1 MiB, identity mapped (PagingInit).
inline constexpr uint64_t kBiosBegin = 0xE0000;
inline constexpr uint64_t kBiosTablesBegin = 0xF0000;
inline constexpr uint64_t kBiosEnd = 0x100000;

/// The rule of both ACPI and MP tables: all bytes add up to zero.
inline bool ChecksumHolds(const void* table, size_t size) {
  uint8_t sum = 0;
  for (auto* byte = static_cast<const uint8_t*>(table); size > 0; --size) {
    sum = static_cast<uint8_t>(sum + *byte++);
  }
  return sum == 0;
}

}  // namespace ebbrt
