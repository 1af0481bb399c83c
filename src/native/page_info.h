// PageInfo: what the allocators know of each 4 KiB page of memory.
//
// One array, indexed by page number, that lies behind the image (16 bytes a
// page, 0.4 % of memory). It is not cleared at boot: an entry means something
// only once its page has been carved (page_allocator.h).
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
  kSlab,       // holds objects of one of the heap's size classes
  kOwnSlab,    // holds objects of a SlabAllocator
  kLarge,      // the first page of a large block of the heap
};

/// What a page is, in one word, so that whether an object is this core's to
/// free is one comparison (heap.h).
class PageTag {
 public:
  static constexpr unsigned kMaxNodes = 8;
  static constexpr unsigned kMaxSlabPages = 32;
  static constexpr unsigned kMaxOrders = 32;  // and size classes

  constexpr PageTag() = default;
  /// `node` is the NUMA node of a slab's owner; `number` the order of a free
  /// block, 2^order pages, or a slab's size class; `slab_page` this page's
  /// place in its slab.
  constexpr PageTag(PageKind kind, unsigned node, unsigned number,
                    unsigned slab_page = 0)
      : bits_(static_cast<uint16_t>(
            static_cast<unsigned>(kind) | node << kNodeShift |
            slab_page << kSlabPageShift | number << kNumberShift)) {}

  constexpr PageKind Kind() const {
    return static_cast<PageKind>(bits_ & ((1 << kNodeShift) - 1));
  }
  constexpr unsigned Node() const { return bits_ >> kNodeShift & 7; }
  constexpr unsigned SlabPage() const { return bits_ >> kSlabPageShift & 31; }
  constexpr unsigned Number() const { return bits_ >> kNumberShift; }
  /// Kind and node, to be compared.
  constexpr unsigned Owner() const {
    return bits_ & ((1 << kSlabPageShift) - 1);
  }
  constexpr bool operator==(const PageTag&) const = default;

 private:
  static constexpr unsigned kNodeShift = 3;
  static constexpr unsigned kSlabPageShift = 6;
  static constexpr unsigned kNumberShift = 11;
  uint16_t bits_ = 0;
};

/// Guarded by the lock of whoever owns the page in its present kind.
struct PageInfo {
  PageNumber next, previous;  // in a list of free blocks or of slabs
  union {
    uint32_t large_pages;  // kLarge: pages of the block
    struct {               // slabs, first page only:
      uint16_t free_head;  // 16-byte units from the slab's start, + 1; 0: none
      uint16_t used;       // objects handed out
    };
  };
  uint16_t carved;  // slabs, first page: objects ever handed out
  PageTag tag;
};
static_assert(sizeof(PageInfo) == 16);

/// The array. Set by PageAllocator::Init.
extern PageInfo* page_infos;

inline PageNumber ToPageNumber(const void* address) {
  return static_cast<PageNumber>(reinterpret_cast<uintptr_t>(address) >>
                                 kPageShift);
}
inline void* ToAddress(PageNumber page) {
  return reinterpret_cast<void*>(uint64_t{page} << kPageShift);
}

}  // namespace ebbrt
