#include "native/page_allocator.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <mutex>

#include "common/check.h"
#include "common/spin_lock.h"
#include "native/image.h"

namespace ebbrt {

PageInfo* page_infos;

namespace {

constexpr unsigned kOrders = 24;  // the largest block: 32 GiB
constexpr size_t kMaxZones = 16;
constexpr uint64_t kLowMemoryEnd = 0x100000;

/// A range of RAM: pages below the frontier have been carved, their PageInfo is
/// valid; above, nothing was touched.
struct Zone {
  PageNumber begin, frontier, end;
};

SpinLock lock;  // guards all below, and the PageInfo of free blocks
std::array<Zone, kMaxZones> zones;
size_t zone_count;
std::array<PageNumber, kOrders> free_lists;
size_t total_pages;
size_t free_pages;

void AddZone(uint64_t begin, uint64_t end) {
  begin = (begin + kPageSize - 1) & ~(kPageSize - 1);
  end &= ~(kPageSize - 1);
  if (begin >= end || zone_count == kMaxZones) return;
  auto first = static_cast<PageNumber>(begin >> kPageShift);
  auto last = static_cast<PageNumber>(end >> kPageShift);
  zones[zone_count++] = {first, first, last};
  total_pages += last - first;
}

Zone& ZoneOf(PageNumber page) {
  for (size_t i = 0; i < zone_count; ++i) {
    if (page >= zones[i].begin && page < zones[i].frontier) return zones[i];
  }
  EBBRT_CHECK(false, "a page was freed that was never allocated");
  __builtin_unreachable();
}

void PushBlock(PageNumber page, unsigned order) {
  PageInfo& info = page_infos[page];
  info.kind = PageKind::kFreeBlock;
  info.order_or_class = static_cast<uint8_t>(order);
  info.previous = kNoPage;
  info.next = free_lists[order];
  if (info.next != kNoPage) page_infos[info.next].previous = page;
  free_lists[order] = page;
}

void RemoveBlock(PageNumber page) {
  PageInfo& info = page_infos[page];
  info.kind = PageKind::kUsed;
  if (info.next != kNoPage) page_infos[info.next].previous = info.previous;
  if (info.previous != kNoPage) {
    page_infos[info.previous].next = info.next;
  } else {
    free_lists[info.order_or_class] = info.next;
  }
}

/// Frees an aligned block of 2^order pages, joining it with its free buddies.
void FreeBlock(const Zone& zone, PageNumber page, unsigned order) {
  for (; order + 1 < kOrders; ++order) {
    PageNumber buddy = page ^ (PageNumber{1} << order);
    if (buddy < zone.begin || buddy + (uint64_t{1} << order) > zone.frontier) {
      break;
    }
    const PageInfo& info = page_infos[buddy];
    if (info.kind != PageKind::kFreeBlock || info.order_or_class != order) {
      break;
    }
    RemoveBlock(buddy);
    page = std::min(page, buddy);
  }
  PushBlock(page, order);
}

/// Frees any range of carved pages, as the largest aligned blocks it holds.
void FreeRange(PageNumber page, size_t count) {
  const Zone& zone = ZoneOf(page);
  EBBRT_CHECK(page + count <= zone.frontier,
              "pages were freed that were never allocated");
  free_pages += count;
  while (count > 0) {
    unsigned order = std::min<unsigned>(std::bit_width(count) - 1,
                                        std::countr_zero(page));
    order = std::min(order, kOrders - 1);
    FreeBlock(zone, page, order);
    page += PageNumber{1} << order;
    count -= size_t{1} << order;
  }
}

/// Pages that were never used before.
PageNumber Carve(size_t count, size_t alignment_pages) {
  for (size_t i = 0; i < zone_count; ++i) {
    Zone& zone = zones[i];
    uint64_t begin = (uint64_t{zone.frontier} + alignment_pages - 1) &
                     ~(uint64_t{alignment_pages} - 1);
    if (begin + count > zone.end) continue;
    PageNumber gap = zone.frontier;
    auto page = static_cast<PageNumber>(begin);
    zone.frontier = static_cast<PageNumber>(begin + count);
    for (PageNumber p = gap; p < zone.frontier; ++p) {
      page_infos[p].kind = PageKind::kUsed;
    }
    if (gap != page) FreeRange(gap, page - gap);
    return page;
  }
  return kNoPage;
}

/// From the free lists; the block's tail goes back.
PageNumber TakeFree(size_t count, size_t alignment_pages) {
  unsigned order = std::bit_width(std::max(count, alignment_pages) - 1);
  for (unsigned o = order; o < kOrders; ++o) {
    PageNumber page = free_lists[o];
    if (page == kNoPage) continue;
    RemoveBlock(page);
    free_pages -= size_t{1} << o;
    size_t rest = (size_t{1} << o) - count;
    if (rest > 0) FreeRange(page + static_cast<PageNumber>(count), rest);
    return page;
  }
  return kNoPage;
}

}  // namespace

void PageAllocatorInit(std::span<const MemoryRange> ranges) {
  uint64_t image_first = image::Address(image_begin);
  uint64_t image_last = image::Address(image_end);
  uint64_t memory_end = 0;
  for (const MemoryRange& range : ranges) {
    memory_end = std::max(memory_end, range.end);
    uint64_t begin = std::max(range.begin, kLowMemoryEnd);
    if (begin < image_last && range.end > image_first) {
      AddZone(begin, image_first);
      begin = image_last;
    }
    AddZone(begin, range.end);
  }
  size_t info_pages =
      ((memory_end >> kPageShift) * sizeof(PageInfo) + kPageSize - 1) >>
      kPageShift;
  for (size_t i = 0; i < zone_count; ++i) {
    Zone& zone = zones[i];
    if (zone.end - zone.begin <= info_pages) continue;
    page_infos = static_cast<PageInfo*>(ToAddress(zone.begin));
    zone.begin += static_cast<PageNumber>(info_pages);
    zone.frontier = zone.begin;
    total_pages -= info_pages;
    return;
  }
  EBBRT_CHECK(false, "too little memory: give the machine at least 16 MiB");
}

void* AllocatePages(size_t count, size_t alignment) {
  size_t alignment_pages = alignment >> kPageShift;
  if (count >= size_t{1} << kOrders || alignment_pages >= size_t{1} << kOrders) {
    return nullptr;
  }
  std::lock_guard guard(lock);
  PageNumber page = TakeFree(count, alignment_pages);
  if (page == kNoPage) page = Carve(count, std::max<size_t>(alignment_pages, 1));
  return page == kNoPage ? nullptr : ToAddress(page);
}

void* AllocateZeroedPages(size_t count) {
  void* pages = AllocatePages(count);
  if (pages != nullptr) std::memset(pages, 0, count * kPageSize);
  return pages;
}

void FreePages(void* address, size_t count) {
  std::lock_guard guard(lock);
  FreeRange(ToPageNumber(address), count);
}

PageStatistics GetPageStatistics() {
  std::lock_guard guard(lock);
  size_t uncarved = 0;
  for (size_t i = 0; i < zone_count; ++i) {
    uncarved += zones[i].end - zones[i].frontier;
  }
  return {total_pages, free_pages + uncarved};
}

}  // namespace ebbrt
