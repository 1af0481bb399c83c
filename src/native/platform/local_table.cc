#include "platform/local_table.h"

#include <cstring>
#include <new>

#include "native/cpu.h"
#include "native/local_table.h"
#include "native/page_allocator.h"
#include "native/page_table.h"

namespace ebbrt {
namespace {

using Entry = PageTableEntry;

constexpr unsigned kTableLevel = 3;  // MakeLocalTable's
constexpr uint64_t kTableSize = uint64_t{1} << 35;

// One page of zeros, shared by all cores and all addresses, and the tables that
// lead to it. Never written but here.
alignas(kPageSize) char zero_page[kPageSize];
PageTable zero_level1;
PageTable zero_level2;

bool IsShared(Entry entry, unsigned level) {
  const void* shared = level == 3   ? static_cast<const void*>(&zero_level2)
                       : level == 2 ? static_cast<const void*>(&zero_level1)
                                    : static_cast<const void*>(zero_page);
  return entry.Physical() == reinterpret_cast<uint64_t>(shared);
}

Entry ZeroPageEntry() {
  return Entry::Page(reinterpret_cast<uint64_t>(zero_page), 1,
                     Entry::kNoExecute);
}

Entry OwnPageEntry(void* page) {
  return Entry::Page(reinterpret_cast<uint64_t>(page), 1,
                     Entry::kWritable | Entry::kNoExecute);
}

/// Gives this core a page of its own for `address`.
void OwnPage(uint64_t address) {
  PageTable* table = reinterpret_cast<PageTable*>(cpu::ReadCr3())
                         ->Entry(address, kTopLevel)
                         .Table();
  for (unsigned level = kTableLevel; level > 0; --level) {
    Entry& entry = table->Entry(address, level);
    if (IsShared(entry, level)) {
      void* own = AllocatePages(1);
      if (own == nullptr) throw std::bad_alloc();
      std::memcpy(own, reinterpret_cast<void*>(entry.Physical()), kPageSize);
      entry = level == 1 ? OwnPageEntry(own)
                         : Entry::Table(static_cast<PageTable*>(own));
      cpu::InvalidatePage(address);
    }
    table = entry.Table();
  }
}

bool HasOwnPage(uint64_t address) {
  PageTable* table = reinterpret_cast<PageTable*>(cpu::ReadCr3())
                         ->Entry(address, kTopLevel)
                         .Table();
  for (unsigned level = kTableLevel; level > 0; --level) {
    Entry entry = table->Entry(address, level);
    if (IsShared(entry, level)) return false;
    table = entry.Table();
  }
  return true;
}

}  // namespace

PageTable* MakeLocalTable() {
  if (!zero_level2.Entry(0, 2).Present()) {
    zero_level1.Fill(ZeroPageEntry());
    zero_level2.Fill(Entry::Table(&zero_level1));
  }
  auto* table = static_cast<PageTable*>(AllocateZeroedPages(1));
  if (table == nullptr) return nullptr;
  for (uint64_t offset = 0; offset < kTableSize;
       offset += EntrySpan(kTableLevel)) {
    table->Entry(platform::kLocalTable + offset, kTableLevel) =
        Entry::Table(&zero_level2);
  }
  return table;
}

namespace platform {

void SetLocalRep(EbbId id, void* rep) {
  uint64_t address = kLocalTable + uint64_t{id} * sizeof(void*);
  if (!HasOwnPage(address)) {
    if (rep == nullptr) return;
    OwnPage(address);
  }
  *reinterpret_cast<void**>(address) = rep;
}

}  // namespace platform
}  // namespace ebbrt
