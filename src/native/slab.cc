#include "native/slab.h"

#include <mutex>

#include "common/check.h"

namespace ebbrt {
namespace {

PageNumber SlabOf(const void* object) {
  PageNumber page = ToPageNumber(object);
  return page - page_infos[page].tag.SlabPage();
}

void Link(SlabPool& pool, PageNumber slab) {
  PageInfo& info = page_infos[slab];
  info.previous = kNoPage;
  info.next = pool.partial;
  if (info.next != kNoPage) page_infos[info.next].previous = slab;
  pool.partial = slab;
}

void Unlink(SlabPool& pool, PageNumber slab) {
  PageInfo& info = page_infos[slab];
  if (info.next != kNoPage) page_infos[info.next].previous = info.previous;
  if (info.previous != kNoPage) {
    page_infos[info.previous].next = info.next;
  } else {
    pool.partial = info.next;
  }
}

}  // namespace

PageNumber SlabSet::NewSlab(SlabPool& pool, unsigned node) const {
  size_t count = class_.slab_pages;
  void* memory = AllocatePages(count);
  if (memory == nullptr) return kNoPage;
  PageNumber first = ToPageNumber(memory);
  for (unsigned i = 0; i < count; ++i) {
    page_infos[first + i].tag = PageTag(kind_, node, number_, i);
  }
  PageInfo& info = page_infos[first];
  info.free_head = 0;
  info.used = 0;
  info.carved = 0;
  Link(pool, first);
  return first;
}

bool SlabSet::IsExhausted(const PageInfo& info) const {
  return info.free_head == 0 && info.carved == class_.slab_count;
}

/// An object of a slab that has one.
FreeObject* SlabSet::TakeFrom(PageNumber slab) const {
  PageInfo& info = page_infos[slab];
  auto* begin = static_cast<char*>(ToAddress(slab));
  ++info.used;
  if (info.free_head == 0) {
    size_t offset = size_t{info.carved++} * class_.size;
    return reinterpret_cast<FreeObject*>(begin + offset);
  }
  auto* object = reinterpret_cast<FreeObject*>(begin + (info.free_head - 1) *
                                                           kGranularity);
  // In a slab's list the links are offsets, which fit PageInfo.
  info.free_head =
      static_cast<uint16_t>(reinterpret_cast<uintptr_t>(object->next));
  return object;
}

void SlabSet::FreeSlab(PageNumber slab) const {
  for (unsigned i = 0; i < class_.slab_pages; ++i) {
    page_infos[slab + i].tag = PageTag();
  }
  FreePages(ToAddress(slab), class_.slab_pages);
}

/// Takes `object` back into its slab; frees the slab if it is the last one and
/// the pool has another to go on with.
void SlabSet::GiveBack(SlabPool& pool, PageNumber slab,
                       FreeObject* object) const {
  PageInfo& info = page_infos[slab];
  if (IsExhausted(info)) Link(pool, slab);
  object->next = reinterpret_cast<FreeObject*>(uintptr_t{info.free_head});
  size_t offset =
      reinterpret_cast<char*>(object) - static_cast<char*>(ToAddress(slab));
  info.free_head = static_cast<uint16_t>(offset / kGranularity + 1);
  bool only_one = pool.partial == slab && info.next == kNoPage;
  if (--info.used > 0 || only_one) return;
  Unlink(pool, slab);
  FreeSlab(slab);
}

bool SlabSet::Take(unsigned node, FreeObjects& objects) const {
  SlabPool& pool = pools_[node];
  std::lock_guard guard(pool.lock);
  for (unsigned i = 0; i < class_.batch; ++i) {
    PageNumber slab = pool.partial;
    if (slab == kNoPage) {
      // One object is what was asked for; a new slab for more would be waste.
      if (i > 0) break;
      slab = NewSlab(pool, node);
      if (slab == kNoPage) return false;
    }
    objects.Push(TakeFrom(slab));
    if (IsExhausted(page_infos[slab])) Unlink(pool, slab);
  }
  return true;
}

void SlabSet::Give(FreeObjects& objects, size_t count) const {
  while (count > 0) {
    // As many as follow each other of one node, under one lock.
    PageNumber slab = SlabOf(objects.head);
    unsigned node = page_infos[slab].tag.Node();
    SlabPool& pool = pools_[node];
    std::lock_guard guard(pool.lock);
    do {
      GiveBack(pool, slab, static_cast<FreeObject*>(objects.Pop()));
      if (--count == 0) return;
      slab = SlabOf(objects.head);
    } while (page_infos[slab].tag.Node() == node);
  }
}

void SlabSet::FreeEmptySlabs() const {
  for (SlabPool& pool : pools_) {
    std::lock_guard guard(pool.lock);
    for (PageNumber slab = pool.partial; slab != kNoPage;) {
      PageNumber next = page_infos[slab].next;
      if (page_infos[slab].used == 0) {
        Unlink(pool, slab);
        FreeSlab(slab);
      }
      slab = next;
    }
  }
}

void* SlabCache::Refill(const SlabSet& set) {
  // What is another node's would have to come from there anyway.
  if (!set.Take(PageAllocator::Own().Node(), own_)) return nullptr;
  return own_.Pop();
}

void SlabCache::FreeRemote(const SlabSet& set, void* object) {
  remote_.Push(object);
  if (remote_.count >= set.Class().batch) set.Give(remote_, remote_.count);
}

void SlabCache::Drain(const SlabSet& set) {
  set.Give(own_, own_.count);
  set.Give(remote_, remote_.count);
}

}  // namespace ebbrt
