// The PageAllocator Ebb: physical pages, from a buddy system that carves memory
// lazily.
//
// Memory is identity mapped, so a page's address is its physical address.
// Memory that was never used is not even looked at: each range of RAM has a
// frontier, and only when no freed block fits are pages carved there. So boot
// costs the same with any amount of memory.
//
// Each NUMA node has free lists and a lock of its own, and each core a few
// single pages that it takes and gives without lock. Memory comes from the
// calling core's node, and from the others when that has none; it goes back to
// the node whose it is. OSDI'16 §3.4 (page allocator).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "common/base_ebbs.h"
#include "common/ebb_ref.h"
#include "native/page_info.h"
#include "native/percore.h"

namespace ebbrt {

/// A range of RAM, [begin, end), multiples of kPageSize.
struct MemoryRange {
  uint64_t begin;
  uint64_t end;
};

/// A range that belongs to a NUMA node, and no others' memory is in it.
struct NodeMemory {
  uint64_t begin;
  uint64_t end;
  unsigned node;  // < PageTag::kMaxNodes
};

/// Pages that an allocator was given, and those of them not handed out. Those
/// that cores keep, at most PageAllocator::kMaxKept each, count as handed out.
struct PageStatistics {
  size_t total;
  size_t free;
};

/// One representative per core, in its per-core variables: it serves from the
/// first moments of boot, before there are Ebbs. Any core; not in interrupt
/// stubs.
class PageAllocator {
 public:
  static constexpr size_t kMaxKept = 16;

  /// Makes `ranges` available, less what lies below 1 MiB and the image. Once,
  /// on core 0, before anything else here.
  [[gnu::cold]] static void Init(std::span<const MemoryRange> ranges);

  /// Divides memory among NUMA nodes; what is in no range is node 0's, as is
  /// all before this is called. Once, on core 0, before others run.
  [[gnu::cold]] static void SetNodes(std::span<const NodeMemory> nodes);

  /// The representative of the calling core; needs no table.
  static PageAllocator& Own();
  static PageAllocator& HandleFault(EbbId id);

  /// The node that the calling core's memory shall come from; 0 at first.
  void SetNode(unsigned node);
  unsigned Node() const { return node_; }

  /// `count` > 0 contiguous pages with undefined content, at a multiple of
  /// `alignment` (a power of two, in bytes). Null if there is none.
  void* Allocate(size_t count, size_t alignment = kPageSize);

  /// The same from `node` if it has some.
  void* AllocateOn(unsigned node, size_t count, size_t alignment = kPageSize);

  /// Gives back `count` pages at `address`; may be any part of what was
  /// allocated.
  void Free(void* address, size_t count);

  static PageStatistics Statistics();
  static PageStatistics StatisticsOf(unsigned node);
  /// The node whose memory is at `address`, which was allocated here.
  static unsigned NodeOf(const void* address);

 private:
  void* TakeKept();
  void DropKept(size_t count);

  unsigned node_ = 0;
  // Single pages, linked through their PageInfo.
  PageNumber kept_ = kNoPage;
  size_t kept_count_ = 0;
};

extern PageAllocator own_page_allocator EBBRT_PERCORE_ZEROED;

inline PageAllocator& PageAllocator::Own() { return own_page_allocator; }

inline constexpr EbbRef<PageAllocator> page_allocator{kPageAllocatorId};

// The same for the kernel's own use: no look-up.

inline void* AllocatePages(size_t count, size_t alignment = kPageSize) {
  return PageAllocator::Own().Allocate(count, alignment);
}

/// Filled with zeros.
void* AllocateZeroedPages(size_t count);

inline void FreePages(void* address, size_t count) {
  PageAllocator::Own().Free(address, count);
}

}  // namespace ebbrt
