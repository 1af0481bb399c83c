// The address space: page tables, per-core mappings, device memory.
//
// docs/memory-map.md has the picture. Every core has its own top-level table; all
// share everything but the per-core variables (percore.h) and the Ebb
// translation table (platform/local_table.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/types.h"
#include "native/page_allocator.h"

namespace ebbrt {

class PageTable;

/// Regions that the application manages (virtual_region.h): 64 TiB of room.
inline constexpr uint64_t kVirtualRegions = 0x400000000000;
inline constexpr uint64_t kVirtualRegionsSize = uint64_t{1} << 46;
/// Guarded stacks are laid out from here, one top-level entry (512 GiB) of room.
inline constexpr uint64_t kStackRegion = 0xFFFF800000000000;
/// Devices' and firmware's memory is mapped from here, with as much room.
inline constexpr uint64_t kDeviceRegion = 0xFFFF808000000000;
inline constexpr uint64_t kRegionSize = uint64_t{1} << 39;
/// The end of it is for the stacks of exceptions and interrupts.
inline constexpr uint64_t kInterruptStackRegionSize = uint64_t{1} << 30;
inline constexpr uint64_t kInterruptStackRegion =
    kDeviceRegion + kRegionSize - kInterruptStackRegionSize;

inline bool InVirtualRegions(uint64_t address) {
  return address - kVirtualRegions < kVirtualRegionsSize;
}

enum class Access : uint8_t { kNone, kRead, kReadWrite, kReadExecute, kReadWriteExecute };
enum class Caching { kWriteBack, kUncached };

/// The bits of a page table entry that give `access`, but for kPresent.
uint64_t RightsFor(Access access);

/// Builds core 0's tables and switches to them: page zero unmapped, the image
/// with the rights its segments ask for, `memory` identity mapped as
/// not executable data; the interrupt table and the tables that say so
/// read-only. Once, on core 0, after PageAllocator::Init. Out of memory is a
/// panic.
void PagingInit(std::span<const MemoryRange> memory);

/// Makes tables for another core, with its own copy of the per-core variables as
/// the image holds them. On core 0, before it first writes one. Returns the
/// value for the core's CR3. Out of memory is a panic.
uint64_t MakeCorePageTables(CoreId core);

/// Maps [physical, + size) at `virtual_address` in the stack or device region,
/// for all cores, with the largest pages the alignment permits. All are multiples
/// of kPageSize and nothing is mapped there yet. False when there is no memory
/// for tables; a part may then be mapped. Any core.
[[nodiscard]] bool MapShared(uint64_t virtual_address, uint64_t physical,
                             uint64_t size, Access access, Caching caching);

/// The level-3 table that every core has for the 512 GiB that hold `address`,
/// made if there is none yet; null when there is no memory for it. Where tables
/// of the image, the identity mapping or the per-core parts are, it's not for
/// the caller to change them. Any core.
PageTable* SharedTable(uint64_t address);

/// Makes device memory accessible, uncached, and not only to this core, for the
/// life of the node. Any alignment. Throws std::bad_alloc. Any core.
void* MapDevice(uint64_t physical, size_t size);

/// The same for tables that firmware left in memory: cached, read-only.
const void* MapFirmware(uint64_t physical, size_t size);

/// Where a device finds what this core sees at `address`: for memory from the
/// heap the address itself, for per-core variables and stacks their pages. What
/// lies there is contiguous up to the end of its page at least.
uint64_t PhysicalAddress(const void* address);

}  // namespace ebbrt
