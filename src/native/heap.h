// The GeneralPurposeAllocator Ebb, behind malloc and operator new.
//
// Small sizes are objects of slabs (slab.h), one set for each size class;
// blocks above kLargestSmall are pages. What falls empty goes back to the page
// allocator. OSDI'16 §3.4 (general purpose allocator).
//
// Any core, in events and during boot after PageAllocator::Init; not in
// interrupt stubs.
#pragma once

#include <array>
#include <cstddef>

#include "common/base_ebbs.h"
#include "common/ebb_ref.h"
#include "native/percore.h"
#include "native/slab.h"

namespace ebbrt {

/// One representative per core, in its per-core variables.
class GeneralPurposeAllocator {
 public:
  /// The representative of the calling core; needs no table.
  static GeneralPurposeAllocator& Own();
  static GeneralPurposeAllocator& HandleFault(EbbId id);

  /// At least `size` bytes with undefined content, aligned to 16 bytes; null
  /// when memory is exhausted. 0 bytes are an object too.
  void* Allocate(size_t size);

  /// The same at a multiple of `alignment`, a power of two.
  void* AllocateAligned(size_t alignment, size_t size);

  /// Nothing for null. Freeing what was not allocated is a panic where noticed.
  void Free(void* memory);

  /// Bytes that may be used at `memory`, at least what was asked for.
  static size_t UsableSize(const void* memory);

  /// Resizes in place if that is sensible; else null and nothing has changed.
  static void* ResizeInPlace(void* memory, size_t size);

  /// The calling core allocates from NUMA node `node` from now on. At its
  /// start.
  void SetNode(unsigned node);

  /// Gives back what this core keeps for later.
  void Drain();

 private:
  /// How many free objects of a class a core keeps.
  static constexpr auto kKept = [] {
    std::array<uint16_t, kSizeClasses> kept{};
    for (size_t i = 0; i < kSizeClasses; ++i) kept[i] = 2 * kClasses[i].batch;
    return kept;
  }();

  void* AllocateSmall(unsigned size_class);
  void* AllocateLarge(size_t size, size_t alignment);
  // What the list of the core can't answer, or shouldn't keep.
  void* AllocateSlowly(size_t size);
  void* RefillSmall(unsigned size_class);
  void FreeSlowly(void* memory, PageTag tag);

  std::array<SlabCache, kSizeClasses> caches_;
  // The tag's owner of slabs that this core's lists may hold; 0 before the
  // first SetNode, which is no slab's: so all go the slower way.
  unsigned own_slabs_ = 0;
};

extern GeneralPurposeAllocator own_heap EBBRT_PERCORE_ZEROED;

inline GeneralPurposeAllocator& GeneralPurposeAllocator::Own() {
  return own_heap;
}

inline void* GeneralPurposeAllocator::Allocate(size_t size) {
  if (size <= kLargestSmall) [[likely]] {
    if (void* object = caches_[ClassOf(size)].TryAllocate()) return object;
  }
  return AllocateSlowly(size);
}

inline void GeneralPurposeAllocator::Free(void* memory) {
  if (memory == nullptr) return;
  PageTag tag = page_infos[ToPageNumber(memory)].tag;
  if (tag.Owner() == own_slabs_) [[likely]] {
    unsigned size_class = tag.Number();
    if (caches_[size_class].Free(memory) <= kKept[size_class]) [[likely]] {
      return;
    }
  }
  FreeSlowly(memory, tag);
}

inline constexpr EbbRef<GeneralPurposeAllocator> general_purpose_allocator{
    kGeneralPurposeAllocatorId};

}  // namespace ebbrt
