// The SlabAllocator Ebb: objects of one size, for who allocates many of them.
//
// What it costs over malloc is less memory: sizes aren't rounded up to a
// class's, only to 16 bytes. Its memory is apart from others', so that it's all
// given back when the objects are.
#pragma once

#include <cstddef>

#include "common/per_core_ebb.h"
#include "native/slab.h"

namespace ebbrt {

/// What the representatives of a SlabAllocator share.
class SlabRoot {
 public:
  /// Objects of `size` bytes, 1 to kLargestSmall. Throws std::invalid_argument.
  explicit SlabRoot(size_t size);
  ~SlabRoot() { set.FreeEmptySlabs(); }

  const SizeClass size_class;
  SlabPools pools;
  const SlabSet set;
};

/// Made with Create(size), ended with Destroy when all objects are freed. Any
/// core, in events; doesn't block.
class SlabAllocator : public PerCoreEbb<SlabAllocator, SlabRoot> {
 public:
  explicit SlabAllocator(SlabRoot& root) : set_(root.set) {}
  ~SlabAllocator() { cache_.Drain(set_); }

  /// An object with undefined content, aligned to 16 bytes. Throws
  /// std::bad_alloc.
  void* Allocate();

  /// Frees an object that this Ebb has allocated, on whatever core.
  void Free(void* object);

 private:
  const SlabSet& set_;
  SlabCache cache_;
};

}  // namespace ebbrt
