#include "native/heap.h"

#include <algorithm>
#include <utility>

#include "common/check.h"

namespace ebbrt {
namespace {

constinit std::array<SlabPools, kSizeClasses> pools;

template <size_t... kIndex>
constexpr std::array<SlabSet, sizeof...(kIndex)> MakeSets(
    std::index_sequence<kIndex...>) {
  return {SlabSet(kClasses[kIndex], PageKind::kSlab, kIndex, pools[kIndex])...};
}
constexpr std::array<SlabSet, kSizeClasses> kSets =
    MakeSets(std::make_index_sequence<kSizeClasses>());
static_assert(kSizeClasses <= PageTag::kMaxOrders);

void FreeLarge(void* memory) {
  PageInfo& info = page_infos[ToPageNumber(memory)];
  EBBRT_CHECK(info.tag.Kind() == PageKind::kLarge &&
                  reinterpret_cast<uintptr_t>(memory) % kPageSize == 0,
              "what was freed had not been allocated");
  info.tag = PageTag();
  FreePages(memory, info.large_pages);
}

}  // namespace

GeneralPurposeAllocator own_heap EBBRT_PERCORE_ZEROED;

GeneralPurposeAllocator& GeneralPurposeAllocator::HandleFault(EbbId id) {
  CacheRep(id, &Own());
  return Own();
}

void GeneralPurposeAllocator::SetNode(unsigned node) {
  Drain();
  own_slabs_ = PageTag(PageKind::kSlab, node, 0).Owner();
}

void GeneralPurposeAllocator::Drain() {
  for (size_t i = 0; i < kSizeClasses; ++i) caches_[i].Drain(kSets[i]);
}

void* GeneralPurposeAllocator::AllocateSmall(unsigned size_class) {
  void* object = caches_[size_class].TryAllocate();
  return object != nullptr ? object : RefillSmall(size_class);
}

void* GeneralPurposeAllocator::RefillSmall(unsigned size_class) {
  const SlabSet& set = kSets[size_class];
  void* object = caches_[size_class].Refill(set);
  if (object != nullptr) return object;
  Drain();
  return caches_[size_class].Refill(set);
}

void* GeneralPurposeAllocator::AllocateLarge(size_t size, size_t alignment) {
  if (size > size_t{1} << 46) return nullptr;  // and the sum below can't wrap
  size_t count = (size + kPageSize - 1) / kPageSize;
  void* memory = AllocatePages(count, alignment);
  if (memory == nullptr) {
    Drain();
    memory = AllocatePages(count, alignment);
    if (memory == nullptr) return nullptr;
  }
  PageInfo& info = page_infos[ToPageNumber(memory)];
  info.tag = PageTag(PageKind::kLarge, 0, 0);
  info.large_pages = static_cast<uint32_t>(count);
  return memory;
}

void* GeneralPurposeAllocator::AllocateSlowly(size_t size) {
  if (size > kLargestSmall) return AllocateLarge(size, kPageSize);
  return RefillSmall(ClassOf(size));
}

void* GeneralPurposeAllocator::AllocateAligned(size_t alignment, size_t size) {
  if (alignment <= kGranularity) return Allocate(size);
  if (alignment <= kPageSize && size <= kLargestSmall) {
    // Slabs begin on a page: objects of a size that is a multiple of the
    // alignment are aligned.
    for (unsigned i = ClassOf(size); i < kSizeClasses; ++i) {
      if (kClasses[i].size % alignment == 0) return AllocateSmall(i);
    }
  }
  return AllocateLarge(std::max<size_t>(size, 1),
                       std::max(alignment, kPageSize));
}

void GeneralPurposeAllocator::FreeSlowly(void* memory, PageTag tag) {
  if (tag.Kind() != PageKind::kSlab) {
    FreeLarge(memory);
    return;
  }
  SlabCache& cache = caches_[tag.Number()];
  const SlabSet& set = kSets[tag.Number()];
  if (tag.Owner() == own_slabs_) {
    cache.Shrink(set);
  } else {
    cache.FreeRemote(set, memory);
  }
}

size_t GeneralPurposeAllocator::UsableSize(const void* memory) {
  const PageInfo& info = page_infos[ToPageNumber(memory)];
  if (info.tag.Kind() == PageKind::kSlab) {
    return kClasses[info.tag.Number()].size;
  }
  return size_t{info.large_pages} * kPageSize;
}

void* GeneralPurposeAllocator::ResizeInPlace(void* memory, size_t size) {
  size_t usable = UsableSize(memory);
  if (size > usable) return nullptr;
  // What would waste more than half is worth a copy.
  if (size > usable / 2 || usable <= 4 * kGranularity) return memory;
  PageInfo& info = page_infos[ToPageNumber(memory)];
  if (info.tag.Kind() != PageKind::kLarge || size <= kLargestSmall) {
    return nullptr;
  }
  size_t keep = (size + kPageSize - 1) / kPageSize;
  size_t rest = info.large_pages - keep;
  info.large_pages = static_cast<uint32_t>(keep);
  if (rest > 0) FreePages(static_cast<char*>(memory) + keep * kPageSize, rest);
  return memory;
}

}  // namespace ebbrt
