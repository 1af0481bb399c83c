// The sizes that the heap's small objects come in, worked out at compile time.
//
// Multiples of 16 up to 128, then four to a doubling, up to 8 KiB: at most a
// fifth of an object is lost. A slab is a run of pages that holds objects of one
// class, chosen so that at most an eighth of it is lost.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "native/page_info.h"

namespace ebbrt {

inline constexpr size_t kGranularity = 16;
inline constexpr size_t kLargestSmall = 8192;
inline constexpr size_t kSizeClasses = 32;

struct SizeClass {
  uint16_t size;        // bytes of an object
  uint8_t slab_pages;   // at most 31: PageInfo::slab_page
  uint8_t batch;        // objects moved between a core and the slabs at once
  uint16_t slab_count;  // objects in a slab
};

namespace detail {

constexpr SizeClass MakeClass(size_t size) {
  constexpr size_t kBatchBytes = 8192;
  constexpr size_t kMaxBatch = 32;
  size_t pages = 1;
  while (pages * kPageSize % size > pages * kPageSize / 8 ||
         pages * kPageSize / size < 4) {
    ++pages;
  }
  size_t batch = kBatchBytes / size;
  if (batch > kMaxBatch) batch = kMaxBatch;
  if (batch < 2) batch = 2;
  return {static_cast<uint16_t>(size), static_cast<uint8_t>(pages),
          static_cast<uint8_t>(batch),
          static_cast<uint16_t>(pages * kPageSize / size)};
}

constexpr auto MakeClasses() {
  std::array<SizeClass, kSizeClasses> classes{};
  size_t size = 0;
  for (SizeClass& size_class : classes) {
    size_t step = size < 128 ? kGranularity : std::bit_floor(size) / 4;
    size += step;
    size_class = MakeClass(size);
  }
  return classes;
}

}  // namespace detail

inline constexpr auto kClasses = detail::MakeClasses();
static_assert(kClasses.back().size == kLargestSmall);

namespace detail {

constexpr auto MakeClassTable() {
  std::array<uint8_t, kLargestSmall / kGranularity + 1> table{};
  uint8_t size_class = 0;
  for (size_t units = 0; units < table.size(); ++units) {
    if (units * kGranularity > kClasses[size_class].size) ++size_class;
    table[units] = size_class;
  }
  return table;
}

inline constexpr auto kClassTable = MakeClassTable();

}  // namespace detail

/// The class of the smallest objects that hold `size` <= kLargestSmall bytes.
constexpr unsigned ClassOf(size_t size) {
  return detail::kClassTable[(size + kGranularity - 1) / kGranularity];
}

}  // namespace ebbrt
