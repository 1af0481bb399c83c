// What a PVH loader hands over: the "HVM direct boot" start info (Xen,
// xen/include/public/arch-x86/hvm/start_info.h), version 1.
#pragma once

#include <cstdint>

namespace ebbrt {

struct PvhStartInfo {
  static constexpr uint32_t kMagic = 0x336EC578;

  uint32_t magic;
  uint32_t version;
  uint32_t flags;
  uint32_t module_count;
  uint64_t modules;
  uint64_t command_line;  // physical address of a zero-terminated string, or 0
  uint64_t rsdp;          // physical address of the ACPI root pointer, or 0
  // From version 1 on:
  uint64_t memory_map;
  uint32_t memory_map_entries;
  uint32_t reserved;
};
static_assert(sizeof(PvhStartInfo) == 56);

struct PvhMemoryMapEntry {
  uint64_t address;
  uint64_t size;
  uint32_t type;  // as BIOS E820: MemoryType
  uint32_t reserved;
};
static_assert(sizeof(PvhMemoryMapEntry) == 24);

enum class MemoryType : uint32_t {
  kRam = 1,
  kReserved = 2,
  kAcpiReclaimable = 3,
  kAcpiNvs = 4,
};

}  // namespace ebbrt
