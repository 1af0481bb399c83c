#include "native/page_allocator.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <mutex>
#include <utility>

#include "common/check.h"
#include "common/spin_lock.h"
#include "native/fixed_list.h"
#include "native/image.h"

namespace ebbrt {

PageInfo* page_infos;

namespace {

constexpr unsigned kOrders = 24;  // the largest block: 32 GiB
static_assert(kOrders <= PageTag::kMaxOrders);
constexpr size_t kMaxZones = 32;
constexpr size_t kBatch = PageAllocator::kMaxKept / 2;
constexpr uint64_t kLowMemoryEnd = 0x100000;

/// A range of RAM: pages below the frontier have been carved, their PageInfo is
/// valid; above, nothing was touched. The frontier is guarded by the node's
/// lock.
struct Zone {
  PageNumber begin, frontier, end;
  unsigned node;
};

/// The free blocks of a NUMA node.
struct alignas(64) NodePages {
  SpinLock lock;
  size_t total_pages = 0;
  size_t free_pages = 0;  // in the lists
  std::array<PageNumber, kOrders> lists{};
};

constinit std::array<NodePages, PageTag::kMaxNodes> nodes;
size_t node_count = 1;
// Constant but for the frontiers once SetNodes was called. Not on the line of
// what is constant and read in each interrupt.
alignas(64) constinit FixedList<Zone, kMaxZones> zones;

void AddZone(uint64_t begin, uint64_t end) {
  begin = (begin + kPageSize - 1) & ~(kPageSize - 1);
  end &= ~(kPageSize - 1);
  if (begin >= end) return;
  auto first = static_cast<PageNumber>(begin >> kPageShift);
  auto last = static_cast<PageNumber>(end >> kPageShift);
  if (zones.Add({first, first, last, 0})) nodes[0].total_pages += last - first;
}

Zone& ZoneOf(PageNumber page) {
  for (Zone& zone : zones) {
    if (page >= zone.begin && page < zone.end) return zone;
  }
  EBBRT_CHECK(false, "a page was freed that was never allocated");
  __builtin_unreachable();
}

void PushBlock(NodePages& node, PageNumber page, unsigned order) {
  PageInfo& info = page_infos[page];
  info.tag = PageTag(PageKind::kFreeBlock, 0, order);
  info.previous = kNoPage;
  info.next = node.lists[order];
  if (info.next != kNoPage) page_infos[info.next].previous = page;
  node.lists[order] = page;
}

void RemoveBlock(NodePages& node, PageNumber page) {
  PageInfo& info = page_infos[page];
  if (info.next != kNoPage) page_infos[info.next].previous = info.previous;
  if (info.previous != kNoPage) {
    page_infos[info.previous].next = info.next;
  } else {
    node.lists[info.tag.Number()] = info.next;
  }
  info.tag = PageTag();
}

/// Frees an aligned block of 2^order pages, joining it with its free buddies.
void FreeBlock(NodePages& node, const Zone& zone, PageNumber page,
               unsigned order) {
  for (; order + 1 < kOrders; ++order) {
    PageNumber buddy = page ^ (PageNumber{1} << order);
    if (buddy < zone.begin || buddy + (uint64_t{1} << order) > zone.frontier) {
      break;
    }
    if (page_infos[buddy].tag != PageTag(PageKind::kFreeBlock, 0, order)) break;
    RemoveBlock(node, buddy);
    page = std::min(page, buddy);
  }
  PushBlock(node, page, order);
}

/// Frees any range of carved pages of a zone, as the largest aligned blocks it
/// holds. The node is locked.
void FreeRange(Zone& zone, PageNumber page, size_t count) {
  EBBRT_CHECK(page + count <= zone.frontier,
              "pages were freed that were never allocated");
  NodePages& node = nodes[zone.node];
  node.free_pages += count;
  while (count > 0) {
    unsigned order =
        std::min<unsigned>(std::bit_width(count) - 1, std::countr_zero(page));
    order = std::min(order, kOrders - 1);
    FreeBlock(node, zone, page, order);
    page += PageNumber{1} << order;
    count -= size_t{1} << order;
  }
}

/// Pages of a node that were never used before. It is locked.
PageNumber Carve(unsigned node, size_t count, size_t alignment_pages) {
  for (Zone& zone : zones) {
    uint64_t begin = (uint64_t{zone.frontier} + alignment_pages - 1) &
                     ~(uint64_t{alignment_pages} - 1);
    if (zone.node != node || begin + count > zone.end) continue;
    PageNumber gap = zone.frontier;
    auto page = static_cast<PageNumber>(begin);
    zone.frontier = static_cast<PageNumber>(begin + count);
    for (PageNumber p = gap; p < zone.frontier; ++p) {
      page_infos[p].tag = PageTag();
    }
    if (gap != page) FreeRange(zone, gap, page - gap);
    return page;
  }
  return kNoPage;
}

/// From a node's free lists; the block's tail goes back. It is locked.
PageNumber TakeFree(NodePages& node, size_t count, size_t alignment_pages) {
  unsigned order = std::bit_width(std::max(count, alignment_pages) - 1);
  for (unsigned o = order; o < kOrders; ++o) {
    PageNumber page = node.lists[o];
    if (page == kNoPage) continue;
    RemoveBlock(node, page);
    node.free_pages -= size_t{1} << o;
    size_t rest = (size_t{1} << o) - count;
    if (rest > 0) {
      auto tail = page + static_cast<PageNumber>(count);
      FreeRange(ZoneOf(page), tail, rest);
    }
    return page;
  }
  return kNoPage;
}

/// Pages of a node, which is locked.
PageNumber Take(unsigned node, size_t count, size_t alignment_pages) {
  PageNumber page = TakeFree(nodes[node], count, alignment_pages);
  return page != kNoPage ? page : Carve(node, count, alignment_pages);
}

void SetAside(std::span<const MemoryRange> ranges) {
  uint64_t memory_end = 0;
  for (const MemoryRange& range : ranges) {
    memory_end = std::max(memory_end, range.end);
  }
  size_t info_pages =
      ((memory_end >> kPageShift) * sizeof(PageInfo) + kPageSize - 1) >>
      kPageShift;
  for (Zone& zone : zones) {
    if (zone.end - zone.begin <= info_pages) continue;
    page_infos = static_cast<PageInfo*>(ToAddress(zone.begin));
    zone.begin += static_cast<PageNumber>(info_pages);
    zone.frontier = zone.begin;
    nodes[0].total_pages -= info_pages;
    return;
  }
  EBBRT_CHECK(false, "too little memory: give the machine at least 16 MiB");
}

/// The node of `page`, and the page from which on it may be another's.
struct Part {
  unsigned node;
  PageNumber end;
};
Part PartAt(PageNumber page, std::span<const NodeMemory> memory) {
  Part part{0, UINT32_MAX};
  for (const NodeMemory& range : memory) {
    auto begin = static_cast<PageNumber>(range.begin >> kPageShift);
    auto end = static_cast<PageNumber>(range.end >> kPageShift);
    if (page < begin) {
      part.end = std::min(part.end, begin);
    } else if (page < end) {
      return {range.node, end};
    }
  }
  return part;
}

/// Divides a zone. What of it was carved stays together, with what follows.
void Divide(Zone zone, std::span<const NodeMemory> memory,
            FixedList<Zone, kMaxZones>& divided) {
  PageNumber begin = zone.begin;
  PageNumber from = zone.frontier;
  do {
    Part part = PartAt(from, memory);
    PageNumber end = std::min(part.end, zone.end);
    // A list that is full loses memory, not more.
    divided.Add({begin, from, end, part.node});
    begin = from = end;
  } while (begin < zone.end);
}

}  // namespace

PageAllocator own_page_allocator EBBRT_PERCORE_ZEROED;

void PageAllocator::Init(std::span<const MemoryRange> ranges) {
  uint64_t image_first = image::Address(image_begin);
  uint64_t image_last = image::Address(image_end);
  for (const MemoryRange& range : ranges) {
    uint64_t begin = std::max(range.begin, kLowMemoryEnd);
    if (begin < image_last && range.end > image_first) {
      AddZone(begin, image_first);
      begin = image_last;
    }
    AddZone(begin, range.end);
  }
  SetAside(ranges);
}

void PageAllocator::SetNodes(std::span<const NodeMemory> memory) {
  Own().SetNode(0);  // what it keeps may become another's
  FixedList<Zone, kMaxZones> divided;
  for (const Zone& zone : zones) Divide(zone, memory, divided);
  zones = divided;
  auto lists = std::exchange(nodes[0].lists, {});
  nodes[0].total_pages = nodes[0].free_pages = 0;
  for (const Zone& zone : zones) {
    nodes[zone.node].total_pages += zone.end - zone.begin;
    node_count = std::max<size_t>(node_count, zone.node + 1);
  }
  for (unsigned order = 0; order < kOrders; ++order) {
    for (PageNumber page = lists[order]; page != kNoPage;) {
      PageNumber next = page_infos[page].next;
      page_infos[page].tag = PageTag();
      FreeRange(ZoneOf(page), page, size_t{1} << order);
      page = next;
    }
  }
}

PageAllocator& PageAllocator::HandleFault(EbbId id) {
  CacheRep(id, &Own());
  return Own();
}

void PageAllocator::SetNode(unsigned node) {
  DropKept(kept_count_);
  node_ = std::min<unsigned>(node, node_count - 1);
}

void* PageAllocator::TakeKept() {
  if (kept_ == kNoPage) {
    NodePages& node = nodes[node_];
    std::lock_guard guard(node.lock);
    while (kept_count_ < kBatch) {
      PageNumber page = Take(node_, 1, 1);
      if (page == kNoPage) break;
      page_infos[page].next = std::exchange(kept_, page);
      ++kept_count_;
    }
    if (kept_ == kNoPage) return nullptr;
  }
  --kept_count_;
  return ToAddress(std::exchange(kept_, page_infos[kept_].next));
}

void PageAllocator::DropKept(size_t count) {
  std::lock_guard guard(nodes[node_].lock);
  for (; count > 0; --count, --kept_count_) {
    PageNumber page = std::exchange(kept_, page_infos[kept_].next);
    FreeRange(ZoneOf(page), page, 1);
  }
}

void* PageAllocator::Allocate(size_t count, size_t alignment) {
  if (count == 1 && alignment <= kPageSize) {
    if (void* page = TakeKept()) return page;
  }
  void* memory = AllocateOn(node_, count, alignment);
  if (memory != nullptr || kept_count_ == 0) return memory;
  DropKept(kept_count_);
  return AllocateOn(node_, count, alignment);
}

void* PageAllocator::AllocateOn(unsigned node, size_t count, size_t alignment) {
  size_t alignment_pages = std::max<size_t>(alignment >> kPageShift, 1);
  if (count >= size_t{1} << kOrders || alignment_pages >= size_t{1}
                                                              << kOrders) {
    return nullptr;
  }
  for (size_t tried = 0; tried < node_count; ++tried) {
    std::lock_guard guard(nodes[node].lock);
    PageNumber page = Take(node, count, alignment_pages);
    if (page != kNoPage) return ToAddress(page);
    if (++node == node_count) node = 0;
  }
  return nullptr;
}

void PageAllocator::Free(void* address, size_t count) {
  PageNumber page = ToPageNumber(address);
  Zone& zone = ZoneOf(page);
  if (count == 1 && zone.node == node_) {
    EBBRT_CHECK(page_infos[page].tag.Kind() != PageKind::kFreeBlock,
                "a page was freed that is free");
    page_infos[page].next = std::exchange(kept_, page);
    if (++kept_count_ > kMaxKept) DropKept(kBatch);
    return;
  }
  std::lock_guard guard(nodes[zone.node].lock);
  FreeRange(zone, page, count);
}

PageStatistics PageAllocator::StatisticsOf(unsigned node) {
  std::lock_guard guard(nodes[node].lock);
  size_t uncarved = 0;
  for (const Zone& zone : zones) {
    if (zone.node == node) uncarved += zone.end - zone.frontier;
  }
  return {nodes[node].total_pages, nodes[node].free_pages + uncarved};
}

PageStatistics PageAllocator::Statistics() {
  PageStatistics all{};
  for (unsigned node = 0; node < node_count; ++node) {
    PageStatistics one = StatisticsOf(node);
    all.total += one.total;
    all.free += one.free;
  }
  return all;
}

unsigned PageAllocator::NodeOf(const void* address) {
  return ZoneOf(ToPageNumber(address)).node;
}

void* AllocateZeroedPages(size_t count) {
  void* pages = AllocatePages(count);
  if (pages != nullptr) std::memset(pages, 0, count * kPageSize);
  return pages;
}

}  // namespace ebbrt
