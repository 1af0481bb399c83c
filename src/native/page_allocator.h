// The allocator of physical pages: a buddy system that carves memory lazily.
//
// Memory is identity mapped, so a page's address is its physical address. Memory
// that was never used is not even looked at: each range of RAM has a frontier,
// and only when no freed block fits are pages carved there. So boot costs the
// same with any amount of memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "native/page_info.h"

namespace ebbrt {

/// A range of RAM, [begin, end), multiples of kPageSize.
struct MemoryRange {
  uint64_t begin;
  uint64_t end;
};

/// Makes `ranges` available, less what lies below 1 MiB and the image. Once, on
/// core 0, before anything else here.
void PageAllocatorInit(std::span<const MemoryRange> ranges);

/// `count` > 0 contiguous pages with undefined content, at a multiple of
/// `alignment` (a power of two, in bytes). Null if there is none. Any core.
void* AllocatePages(size_t count, size_t alignment = kPageSize);

/// The same, filled with zeros.
void* AllocateZeroedPages(size_t count);

/// Gives back `count` pages at `address`; may be any part of what was allocated.
/// Any core.
void FreePages(void* address, size_t count);

struct PageStatistics {
  size_t total;  // pages that this allocator was given
  size_t free;   // of them, not handed out
};
PageStatistics GetPageStatistics();

}  // namespace ebbrt
