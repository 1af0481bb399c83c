// Slabs: runs of pages that hold objects of one size, and each core's free
// ones.
//
// Each core has, for every size, a list of free objects that it pops from and
// pushes to without lock or atomic: events aren't interrupted. A list that runs
// empty or grows long exchanges a batch with the slabs of the core's NUMA node,
// under their lock. An object of another node's slab goes to a second list,
// which is sent home a batch at a time; so what one core allocates any may
// free, and memory stays near who uses it. OSDI'16 §3.4 (slab allocator).
//
// heap.h has one for each size class, slab_allocator.h one for each Ebb.
#pragma once

#include <array>
#include <cstddef>

#include "common/spin_lock.h"
#include "native/page_allocator.h"
#include "native/page_info.h"
#include "native/size_classes.h"

namespace ebbrt {

struct FreeObject {
  FreeObject* next;
};

/// Free objects, linked through themselves.
struct FreeObjects {
  FreeObject* head = nullptr;
  size_t count = 0;

  void Push(void* object) {
    auto* free = static_cast<FreeObject*>(object);
    free->next = head;
    head = free;
    ++count;
  }
  /// There is one.
  void* Pop() {
    FreeObject* object = head;
    head = object->next;
    --count;
    return object;
  }
};

/// The slabs of one size on a NUMA node that have an object to give, linked by
/// PageInfo.
struct alignas(64) SlabPool {
  SpinLock lock;
  PageNumber partial = kNoPage;
};
using SlabPools = std::array<SlabPool, PageTag::kMaxNodes>;

/// All slabs of one size, for all cores.
class SlabSet {
 public:
  /// `kind` and `number` are those of the pages' tags. `pools` is this set's
  /// own, apart from it because it begins as zeros.
  constexpr SlabSet(const SizeClass& size_class, PageKind kind, unsigned number,
                    SlabPools& pools)
      : class_(size_class),
        pools_(pools),
        kind_(kind),
        number_(static_cast<uint8_t>(number)) {}

  const SizeClass& Class() const { return class_; }

  /// Up to a batch of objects of `node`'s slabs into `objects`; false if there
  /// is no memory for one.
  bool Take(unsigned node, FreeObjects& objects) const;
  /// `count` of `objects` back to the slabs that they are of.
  void Give(FreeObjects& objects, size_t count) const;
  /// Frees the empty slabs that are kept to go on with. The set's last act.
  void FreeEmptySlabs() const;

 private:
  PageNumber NewSlab(SlabPool& pool, unsigned node) const;
  bool IsExhausted(const PageInfo& info) const;
  FreeObject* TakeFrom(PageNumber slab) const;
  void GiveBack(SlabPool& pool, PageNumber slab, FreeObject* object) const;
  void FreeSlab(PageNumber slab) const;

  const SizeClass& class_;
  SlabPools& pools_;
  PageKind kind_;
  uint8_t number_;
};

/// A core's free objects of one size. The core's alone.
class SlabCache {
 public:
  constexpr SlabCache() = default;

  /// An object from the core's list, null if that is empty.
  void* TryAllocate() { return own_.head == nullptr ? nullptr : own_.Pop(); }
  /// Fills the list first. Null when memory is exhausted.
  void* Refill(const SlabSet& set);

  /// Takes an object of a slab of this core's NUMA node; gives how many there
  /// are. Above 2 batches it is time for Shrink.
  size_t Free(void* object) {
    own_.Push(object);
    return own_.count;
  }
  void Shrink(const SlabSet& set) { set.Give(own_, set.Class().batch); }
  /// Takes one of another node's.
  void FreeRemote(const SlabSet& set, void* object);

  /// Gives back all that is kept for later.
  void Drain(const SlabSet& set);

 private:
  FreeObjects own_;
  FreeObjects remote_;
};

}  // namespace ebbrt
