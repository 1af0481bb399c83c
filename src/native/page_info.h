// PageInfo: what the allocators know of each 4 KiB page of memory.
//
// One array, indexed by page number, that lies behind the image (16 bytes a page,
// 0.4 % of memory). It is not cleared at boot: an entry means something only
// once its page has been carved (page_allocator.h).
#pragma once

#include <cstdint>

namespace ebbrt {

inline constexpr unsigned kPageShift = 12;
inline constexpr uint64_t kPageSize = uint64_t{1} << kPageShift;

/// Physical address / kPageSize; 32 bits reach 16 TiB. 0 stands for none: page
/// zero is never handed out.
using PageNumber = uint32_t;
inline constexpr PageNumber kNoPage = 0;

enum class PageKind : uint8_t {
  kUsed,       // handed out, or inside a free block
  kFreeBlock,  // the first page of a block in a free list
  kSlab,       // holds objects of one size class
  kLarge,      // the first page of a large block of the heap
};

/// Guarded by the lock of whoever owns the page in its present kind.
struct PageInfo {
  PageNumber next, previous;  // in a list of free blocks or of slabs
  union {
    uint32_t large_pages;  // kLarge: pages of the block
    struct {               // kSlab, first page of the slab only:
      uint16_t free_head;  // 16-byte units from the slab's start, + 1; 0: none
      uint16_t used;       // objects handed out
    };
  };
  uint16_t carved;         // kSlab, first page: objects ever handed out
  PageKind kind : 3;
  uint8_t slab_page : 5;   // kSlab: this page's place in its slab
  uint8_t order_or_class;  // kFreeBlock: log2(pages); kSlab: size class
};
static_assert(sizeof(PageInfo) == 16);

/// The array. Set by PageAllocatorInit.
extern PageInfo* page_infos;

inline PageNumber ToPageNumber(const void* address) {
  return static_cast<PageNumber>(reinterpret_cast<uintptr_t>(address) >>
                                 kPageShift);
}
inline void* ToAddress(PageNumber page) {
  return reinterpret_cast<void*>(uint64_t{page} << kPageShift);
}

}  // namespace ebbrt
