// The general-purpose allocator, behind malloc and operator new.
//
// Three layers. Each core has, for every size class, a list of free objects that
// it pops from and pushes to without lock or atomic: events aren't interrupted.
// A list that runs empty or grows long exchanges a batch with the slabs of its
// class, under that class's lock; so what one core allocates another may free.
// Slabs, and blocks above kLargestSmall, are pages; a slab that falls empty and a
// large block that is freed go back to the page allocator.
//
// Any core, in events and during boot after PrepareCores; not in interrupt stubs.
#pragma once

#include <cstddef>

namespace ebbrt::heap {

/// At least `size` bytes with undefined content, aligned to 16 bytes; null when
/// memory is exhausted. 0 bytes are an object too.
void* Allocate(size_t size);

/// The same at a multiple of `alignment`, a power of two.
void* AllocateAligned(size_t alignment, size_t size);

/// Nothing for null. Freeing what was not allocated is a panic where noticed.
void Free(void* memory);

/// Bytes that may be used at `memory`, at least what was asked for.
size_t UsableSize(const void* memory);

/// Resizes in place if that is sensible; else null and nothing has changed.
void* ResizeInPlace(void* memory, size_t size);

}  // namespace ebbrt::heap
