#include "native/heap.h"

#include <algorithm>
#include <array>
#include <mutex>

#include "common/check.h"
#include "common/spin_lock.h"
#include "native/page_allocator.h"
#include "native/percore.h"
#include "native/size_classes.h"

namespace ebbrt::heap {
namespace {

struct FreeObject {
  FreeObject* next;
};

/// A core's free objects of a class.
struct Cache {
  FreeObject* head;
  size_t count;
};
EBBRT_PERCORE std::array<Cache, kSizeClasses> caches = {};

/// The slabs of a class that have an object to give, linked through PageInfo.
struct Slabs {
  SpinLock lock;
  PageNumber partial = kNoPage;
};
std::array<Slabs, kSizeClasses> all_slabs;

PageNumber SlabOf(const void* object) {
  PageNumber page = ToPageNumber(object);
  return page - page_infos[page].slab_page;
}

void Link(Slabs& slabs, PageNumber page) {
  PageInfo& info = page_infos[page];
  info.previous = kNoPage;
  info.next = slabs.partial;
  if (info.next != kNoPage) page_infos[info.next].previous = page;
  slabs.partial = page;
}

void Unlink(Slabs& slabs, PageNumber page) {
  PageInfo& info = page_infos[page];
  if (info.next != kNoPage) page_infos[info.next].previous = info.previous;
  if (info.previous != kNoPage) {
    page_infos[info.previous].next = info.next;
  } else {
    slabs.partial = info.next;
  }
}

PageNumber NewSlab(Slabs& slabs, unsigned size_class) {
  size_t count = kClasses[size_class].slab_pages;
  void* memory = AllocatePages(count);
  if (memory == nullptr) return kNoPage;
  PageNumber first = ToPageNumber(memory);
  for (size_t i = 0; i < count; ++i) {
    PageInfo& info = page_infos[first + i];
    info.kind = PageKind::kSlab;
    info.slab_page = static_cast<uint8_t>(i);
    info.order_or_class = static_cast<uint8_t>(size_class);
  }
  PageInfo& info = page_infos[first];
  info.free_head = 0;
  info.used = 0;
  info.carved = 0;
  Link(slabs, first);
  return first;
}

bool Exhausted(const PageInfo& info, unsigned size_class) {
  return info.free_head == 0 && info.carved == kClasses[size_class].slab_count;
}

/// An object of a slab that has one.
FreeObject* TakeFrom(PageNumber slab, unsigned size_class) {
  PageInfo& info = page_infos[slab];
  auto* begin = static_cast<char*>(ToAddress(slab));
  ++info.used;
  if (info.free_head == 0) {
    size_t offset = size_t{info.carved++} * kClasses[size_class].size;
    return reinterpret_cast<FreeObject*>(begin + offset);
  }
  auto* object = reinterpret_cast<FreeObject*>(
      begin + (info.free_head - 1) * kGranularity);
  // In a slab's list the links are offsets, which fit PageInfo.
  info.free_head = static_cast<uint16_t>(
      reinterpret_cast<uintptr_t>(object->next));
  return object;
}

/// Takes `object` back into its slab; frees the slab if it is the last one and
/// the class has another to go on with.
void GiveBack(Slabs& slabs, FreeObject* object, unsigned size_class) {
  PageNumber slab = SlabOf(object);
  PageInfo& info = page_infos[slab];
  if (Exhausted(info, size_class)) Link(slabs, slab);
  object->next = reinterpret_cast<FreeObject*>(uintptr_t{info.free_head});
  size_t offset =
      reinterpret_cast<char*>(object) - static_cast<char*>(ToAddress(slab));
  info.free_head = static_cast<uint16_t>(offset / kGranularity + 1);
  bool only_one = slabs.partial == slab && info.next == kNoPage;
  if (--info.used > 0 || only_one) return;
  Unlink(slabs, slab);
  size_t pages = kClasses[size_class].slab_pages;
  for (size_t i = 0; i < pages; ++i) {
    page_infos[slab + i].kind = PageKind::kUsed;
  }
  FreePages(ToAddress(slab), pages);
}

/// Fills this core's empty cache; false when there is no memory.
bool Refill(unsigned size_class) {
  Slabs& slabs = all_slabs[size_class];
  Cache& cache = caches[size_class];
  std::lock_guard guard(slabs.lock);
  for (unsigned i = 0; i < kClasses[size_class].batch; ++i) {
    PageNumber slab = slabs.partial;
    if (slab == kNoPage) {
      // One object is what was asked for; a new slab for more would be waste.
      if (i > 0) break;
      slab = NewSlab(slabs, size_class);
      if (slab == kNoPage) return false;
    }
    FreeObject* object = TakeFrom(slab, size_class);
    if (Exhausted(page_infos[slab], size_class)) Unlink(slabs, slab);
    object->next = cache.head;
    cache.head = object;
    ++cache.count;
  }
  return true;
}

/// Gives `count` objects of this core's cache back to their slabs.
void Drain(unsigned size_class, size_t count) {
  Slabs& slabs = all_slabs[size_class];
  Cache& cache = caches[size_class];
  std::lock_guard guard(slabs.lock);
  for (; count > 0; --count) {
    FreeObject* object = cache.head;
    cache.head = object->next;
    --cache.count;
    GiveBack(slabs, object, size_class);
  }
}

/// What this core keeps for later, when memory is short.
void DrainAll() {
  for (unsigned i = 0; i < kSizeClasses; ++i) {
    if (caches[i].count > 0) Drain(i, caches[i].count);
  }
}

[[gnu::noinline]] void* AllocateSlowly(unsigned size_class) {
  if (!Refill(size_class)) {
    DrainAll();
    if (!Refill(size_class)) return nullptr;
  }
  Cache& cache = caches[size_class];
  FreeObject* object = cache.head;
  cache.head = object->next;
  --cache.count;
  return object;
}

void* AllocateSmall(unsigned size_class) {
  Cache& cache = caches[size_class];
  FreeObject* object = cache.head;
  if (object == nullptr) [[unlikely]] return AllocateSlowly(size_class);
  cache.head = object->next;
  --cache.count;
  return object;
}

void* AllocateLarge(size_t size, size_t alignment) {
  if (size > size_t{1} << 46) return nullptr;  // and the sum below can't wrap
  size_t count = (size + kPageSize - 1) / kPageSize;
  void* memory = AllocatePages(count, alignment);
  if (memory == nullptr) {
    DrainAll();
    memory = AllocatePages(count, alignment);
    if (memory == nullptr) return nullptr;
  }
  PageInfo& info = page_infos[ToPageNumber(memory)];
  info.kind = PageKind::kLarge;
  info.large_pages = static_cast<uint32_t>(count);
  return memory;
}

void FreeLarge(void* memory) {
  PageInfo& info = page_infos[ToPageNumber(memory)];
  EBBRT_CHECK(info.kind == PageKind::kLarge &&
                  reinterpret_cast<uintptr_t>(memory) % kPageSize == 0,
              "what was freed had not been allocated");
  info.kind = PageKind::kUsed;
  FreePages(memory, info.large_pages);
}

}  // namespace

void* Allocate(size_t size) {
  if (size > kLargestSmall) [[unlikely]] return AllocateLarge(size, kPageSize);
  return AllocateSmall(ClassOf(size));
}

void* AllocateAligned(size_t alignment, size_t size) {
  if (alignment <= kGranularity) return Allocate(size);
  if (alignment <= kPageSize && size <= kLargestSmall) {
    // Slabs begin on a page: objects of a size that is a multiple of the
    // alignment are aligned.
    for (unsigned i = ClassOf(size); i < kSizeClasses; ++i) {
      if (kClasses[i].size % alignment == 0) return AllocateSmall(i);
    }
  }
  return AllocateLarge(std::max<size_t>(size, 1), std::max(alignment, kPageSize));
}

void Free(void* memory) {
  if (memory == nullptr) return;
  const PageInfo& info = page_infos[ToPageNumber(memory)];
  if (info.kind != PageKind::kSlab) [[unlikely]] {
    FreeLarge(memory);
    return;
  }
  unsigned size_class = info.order_or_class;
  Cache& cache = caches[size_class];
  auto* object = static_cast<FreeObject*>(memory);
  object->next = cache.head;
  cache.head = object;
  size_t batch = kClasses[size_class].batch;
  if (++cache.count > 2 * batch) [[unlikely]] Drain(size_class, batch);
}

size_t UsableSize(const void* memory) {
  const PageInfo& info = page_infos[ToPageNumber(memory)];
  if (info.kind == PageKind::kSlab) return kClasses[info.order_or_class].size;
  return size_t{info.large_pages} * kPageSize;
}

void* ResizeInPlace(void* memory, size_t size) {
  size_t usable = UsableSize(memory);
  if (size > usable) return nullptr;
  // What would waste more than half is worth a copy.
  if (size > usable / 2 || usable <= 4 * kGranularity) return memory;
  PageInfo& info = page_infos[ToPageNumber(memory)];
  if (info.kind != PageKind::kLarge || size <= kLargestSmall) return nullptr;
  size_t keep = (size + kPageSize - 1) / kPageSize;
  size_t rest = info.large_pages - keep;
  info.large_pages = static_cast<uint32_t>(keep);
  if (rest > 0) FreePages(static_cast<char*>(memory) + keep * kPageSize, rest);
  return memory;
}

}  // namespace ebbrt::heap
