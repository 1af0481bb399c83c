// The x86-64 page table as the processor reads it (SDM §4.5).
#pragma once

#include <array>
#include <cstdint>

#include "native/page_info.h"

namespace ebbrt {

/// Levels count from 1, the table of 4 KiB pages, to 4, which CR3 names.
inline constexpr unsigned kTopLevel = 4;

/// Bytes that one entry of a table of this level stands for.
constexpr uint64_t EntrySpan(unsigned level) {
  return uint64_t{1} << (kPageShift + 9 * (level - 1));
}

class PageTable;

class PageTableEntry {
 public:
  static constexpr uint64_t kPresent = 1 << 0;
  static constexpr uint64_t kWritable = 1 << 1;
  static constexpr uint64_t kWriteThrough = 1 << 3;
  static constexpr uint64_t kCacheDisable = 1 << 4;
  static constexpr uint64_t kAccessed = 1 << 5;
  static constexpr uint64_t kDirty = 1 << 6;
  static constexpr uint64_t kLarge = 1 << 7;  // levels 2 and 3
  static constexpr uint64_t kNoExecute = uint64_t{1} << 63;
  /// The bits that the processor leaves to software, as region_table.cc uses
  /// them. kMemory: the entry has a page, present or not.
  static constexpr uint64_t kMemory = 1 << 9;
  static constexpr uint64_t kDemand = 1 << 10;
  static constexpr uint64_t kFresh = 1 << 11;
  static constexpr unsigned kAccessShift = 52;
  static constexpr uint64_t kAddressMask = 0x000FFFFFFFFFF000;

  constexpr PageTableEntry() = default;
  constexpr explicit PageTableEntry(uint64_t bits) : bits_(bits) {}
  /// Maps a page; `rights` are the bits above but for kPresent and kLarge.
  static PageTableEntry Page(uint64_t physical, unsigned level,
                             uint64_t rights) {
    return PageTableEntry(physical | rights | kPresent | kAccessed | kDirty |
                          (level > 1 ? kLarge : 0));
  }
  /// Refers to a table of the next lower level, whose entries set the rights.
  static PageTableEntry Table(const PageTable* table) {
    return PageTableEntry(reinterpret_cast<uint64_t>(table) | kPresent |
                          kWritable | kAccessed);
  }

  bool Present() const { return (bits_ & kPresent) != 0; }
  bool Large() const { return (bits_ & kLarge) != 0; }
  uint64_t Physical() const { return bits_ & kAddressMask; }
  PageTable* Table() const { return reinterpret_cast<PageTable*>(Physical()); }
  uint64_t Bits() const { return bits_; }

 private:
  uint64_t bits_ = 0;
};
static_assert(sizeof(PageTableEntry) == 8);

class alignas(kPageSize) PageTable {
 public:
  /// The entry of a table of `level` that stands for `address`.
  PageTableEntry& Entry(uint64_t address, unsigned level) {
    return entries_[address / EntrySpan(level) % entries_.size()];
  }
  void Fill(PageTableEntry entry) { entries_.fill(entry); }

 private:
  std::array<PageTableEntry, 512> entries_;
};
static_assert(sizeof(PageTable) == kPageSize);

}  // namespace ebbrt
