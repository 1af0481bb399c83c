#include "native/paging.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <new>

#include "common/check.h"
#include "common/spin_lock.h"
#include "native/cpu.h"
#include "native/idt.h"
#include "native/image.h"
#include "native/local_table.h"
#include "native/numa.h"
#include "native/page_table.h"
#include "native/percore.h"
#include "native/platform_info.h"
#include "platform/local_table.h"

namespace ebbrt {
namespace {

using Entry = PageTableEntry;

constexpr uint64_t kLargeSpan = EntrySpan(2);
constexpr uint64_t kVideoMemory = 0xA0000;  // and adapters' and system firmware
constexpr uint64_t kLowMemoryEnd = 0x100000;

PageTable* core0_table;
FixedList<PageTable*, kMaxCores> top_tables;  // of all cores
SpinLock lock;  // guards the stack and the device region's tables, device_next
uint64_t device_next = kDeviceRegion;

// This core's copy of the per-core variables.
EBBRT_PERCORE uint64_t percore_physical = 0;

uint64_t Rights(Access access, Caching caching) {
  uint64_t rights = RightsFor(access);
  if (caching == Caching::kUncached) {
    rights |= Entry::kCacheDisable | Entry::kWriteThrough;
  }
  return rights;
}

PageTable* NewTable() {
  return static_cast<PageTable*>(AllocateZeroedPages(1));
}

/// The tables of the image's own pages lie in it, so that they can be write-
/// protected by themselves: memory behind the image is mapped with large pages.
char* next_fixed_table = fixed_tables_begin;

PageTable* NewFixedTable() {
  if (next_fixed_table == fixed_tables_end) return NewTable();
  auto* table = reinterpret_cast<PageTable*>(next_fixed_table);
  next_fixed_table += kPageSize;
  return table;
}

/// While it lives, this core may write what is read-only.
class WriteProtectionOff {
 public:
  WriteProtectionOff() { cpu::WriteCr0(before_ & ~cpu::kCr0WriteProtect); }
  ~WriteProtectionOff() { cpu::WriteCr0(before_); }
  WriteProtectionOff(const WriteProtectionOff&) = delete;

 private:
  const uint64_t before_ = cpu::ReadCr0();
};

PageTable* CheckedTable(void* table) {
  EBBRT_CHECK(table != nullptr, "there is no memory for page tables");
  return static_cast<PageTable*>(table);
}

struct Mapping {
  uint64_t virtual_address;
  uint64_t physical;
  uint64_t size;
  uint64_t rights;
  unsigned largest_level;  // of the pages used: 1, 2 or 3
};

/// Enters `m`, which lies within what `table` stands for.
bool Map(PageTable& table, unsigned level, Mapping m) {
  const uint64_t span = EntrySpan(level);
  while (m.size > 0) {
    uint64_t offset = m.virtual_address & (span - 1);
    uint64_t chunk = std::min(m.size, span - offset);
    Entry& entry = table.Entry(m.virtual_address, level);
    if (level == 1 || (level <= m.largest_level && chunk == span &&
                       (m.physical & (span - 1)) == 0)) {
      entry = Entry::Page(m.physical, level, m.rights);
    } else {
      if (!entry.Present()) {
        PageTable* lower = NewFixedTable();
        if (lower == nullptr) return false;
        entry = Entry::Table(lower);
      }
      Mapping part = m;
      part.size = chunk;
      if (!Map(*entry.Table(), level - 1, part)) return false;
    }
    m.virtual_address += chunk;
    m.physical += chunk;
    m.size -= chunk;
  }
  return true;
}

unsigned LargestLevel() {
  bool gigabyte_pages = (cpu::Cpuid(cpu::kLeafExtendedFeatures).edx &
                         cpu::kExtendedEdxGigabytePages) != 0;
  return gigabyte_pages ? 3 : 2;
}

void MapIdentity(uint64_t begin, uint64_t end, Access access,
                 unsigned largest_level) {
  if (begin >= end) return;
  Mapping mapping{begin, begin, end - begin,
                  Rights(access, Caching::kWriteBack), largest_level};
  EBBRT_CHECK(Map(*core0_table, kTopLevel, mapping),
              "there is no memory for page tables");
}

/// Up to the first large-page boundary behind the image, in small pages.
/// Page zero and the boot stack's guard stay unmapped.
uint64_t MapImage() {
  uint64_t begin = image::Address(image_begin);
  uint64_t rodata = image::Address(rodata_begin);
  uint64_t data = image::Address(data_begin);
  uint64_t guard = image::Address(boot_stack_guard);
  uint64_t end =
      (image::Address(image_end) + kLargeSpan - 1) & ~(kLargeSpan - 1);
  MapIdentity(kPageSize, kVideoMemory, Access::kReadWrite, 1);
  MapIdentity(kVideoMemory, kLowMemoryEnd, Access::kRead, 1);
  MapIdentity(begin, rodata, Access::kReadExecute, 1);
  MapIdentity(rodata, data, Access::kRead, 1);
  MapIdentity(data, guard, Access::kReadWrite, 1);
  MapIdentity(guard + kPageSize, end, Access::kReadWrite, 1);
  MapIdentity(IdtAddress(), IdtAddress() + kPageSize, Access::kRead, 1);
  MapIdentity(image::Address(fixed_tables_begin),
              image::Address(fixed_tables_end), Access::kRead, 1);
  next_fixed_table = fixed_tables_end;  // others' tables change later
  return end;
}

/// Replaces the table that `entry` refers to by a copy and gives that.
PageTable& OwnTable(Entry& entry) {
  PageTable* copy = CheckedTable(AllocatePages(1));
  std::memcpy(copy, entry.Table(), kPageSize);
  entry = Entry::Table(copy);
  return *copy;
}

/// Maps the per-core range of `table` to the copy at `physical`.
void MapPercore(PageTable& table, uint64_t physical) {
  uint64_t begin = image::Address(percore_begin);
  uint64_t end = image::Address(percore_end);
  // The image lies in one gigabyte: its tables of levels 3 and 2 are one each.
  PageTable& level3 = OwnTable(table.Entry(begin, 4));
  PageTable& level2 = OwnTable(level3.Entry(begin, 3));
  PageTable* level1 = nullptr;
  for (uint64_t page = begin; page < end; page += kPageSize) {
    if (level1 == nullptr || page % kLargeSpan == 0) {
      level1 = &OwnTable(level2.Entry(page, 2));
    }
    level1->Entry(page, 1) =
        Entry::Page(physical + (page - begin), 1,
                    Rights(Access::kReadWrite, Caching::kWriteBack));
  }
}

uint64_t MapPhysical(uint64_t physical, size_t size, Access access,
                     Caching caching) {
  uint64_t first = physical & ~(kPageSize - 1);
  uint64_t last = (physical + size + kPageSize - 1) & ~(kPageSize - 1);
  uint64_t address;
  {
    std::lock_guard guard(lock);
    // The same place within a large page, so that large pages can be used.
    address = device_next + ((first - device_next) & (kLargeSpan - 1));
    device_next = address + (last - first);
  }
  if (device_next > kInterruptStackRegion ||
      !MapShared(address, first, last - first, access, caching)) {
    throw std::bad_alloc();
  }
  return address + (physical - first);
}

}  // namespace

uint64_t RightsFor(Access access) {
  uint64_t rights = 0;
  if (access == Access::kReadWrite || access == Access::kReadWriteExecute) {
    rights |= Entry::kWritable;
  }
  if (access != Access::kReadExecute && access != Access::kReadWriteExecute) {
    rights |= Entry::kNoExecute;
  }
  return rights;
}

void PagingInit(std::span<const MemoryRange> memory) {
  core0_table = NewFixedTable();
  top_tables.Add(core0_table);
  unsigned largest_level = LargestLevel();
  uint64_t mapped = MapImage();
  for (const MemoryRange& range : memory) {
    MapIdentity(std::max(range.begin, mapped), range.end, Access::kReadWrite,
                largest_level);
  }
  // The tables that all cores share must be there before tables are copied.
  for (uint64_t region : {kStackRegion, kDeviceRegion}) {
    core0_table->Entry(region, kTopLevel) =
        Entry::Table(CheckedTable(NewTable()));
  }
  core0_table->Entry(platform::kLocalTable, kTopLevel) =
      Entry::Table(CheckedTable(MakeLocalTable()));
  cpu::WriteCr3(reinterpret_cast<uint64_t>(core0_table));
}

uint64_t MakeCorePageTables(CoreId core) {
  PageAllocator& pages = PageAllocator::Own();
  unsigned node = NumaNodeOf(core);
  size_t size = percore_end - percore_begin;
  size_t data_size = percore_data_end - percore_begin;
  auto* copy = static_cast<char*>(pages.AllocateOn(node, size / kPageSize));
  EBBRT_CHECK(copy != nullptr, "there is no memory for another core");
  std::memcpy(copy, percore_begin, data_size);
  std::memset(copy + data_size, 0, size - data_size);
  auto physical = reinterpret_cast<uint64_t>(copy);
  // Into the copy, not into ours.
  size_t offset = reinterpret_cast<char*>(&percore_physical) - percore_begin;
  std::memcpy(copy + offset, &physical, sizeof(physical));

  PageTable* table = CheckedTable(pages.AllocateOn(node, 1));
  std::memcpy(table, core0_table, kPageSize);
  top_tables.Add(table);
  MapPercore(*table, physical);
  table->Entry(platform::kLocalTable, kTopLevel) =
      Entry::Table(CheckedTable(MakeLocalTable()));
  return reinterpret_cast<uint64_t>(table);
}

bool MapShared(uint64_t virtual_address, uint64_t physical, uint64_t size,
               Access access, Caching caching) {
  std::lock_guard guard(lock);
  return Map(*core0_table, kTopLevel,
             {virtual_address, physical, size, Rights(access, caching), 2});
}

PageTable* SharedTable(uint64_t address) {
  Entry& entry = core0_table->Entry(address, kTopLevel);
  if (entry.Present()) return entry.Table();
  std::lock_guard guard(lock);
  if (!entry.Present()) {
    PageTable* table = NewTable();
    if (table == nullptr) return nullptr;
    WriteProtectionOff off;
    // Nothing is cached of an entry that wasn't present (SDM §4.10.2.3).
    for (PageTable* top : top_tables) {
      top->Entry(address, kTopLevel) = Entry::Table(table);
    }
  }
  return entry.Table();
}

void* MapDevice(uint64_t physical, size_t size) {
  return reinterpret_cast<void*>(
      MapPhysical(physical, size, Access::kReadWrite, Caching::kUncached));
}

const void* MapFirmware(uint64_t physical, size_t size) {
  return reinterpret_cast<const void*>(
      MapPhysical(physical, size, Access::kRead, Caching::kWriteBack));
}

uint64_t PhysicalAddress(const void* address) {
  auto virtual_address = reinterpret_cast<uint64_t>(address);
  if (virtual_address >= image::Address(percore_begin) &&
      virtual_address < image::Address(percore_end)) {
    if (percore_physical == 0) return virtual_address;
    return percore_physical + (virtual_address - image::Address(percore_begin));
  }
  if (virtual_address < kVirtualRegions) return virtual_address;
  PageTable* table = reinterpret_cast<PageTable*>(cpu::ReadCr3());
  for (unsigned level = kTopLevel;; --level) {
    Entry entry = table->Entry(virtual_address, level);
    EBBRT_CHECK(entry.Present(), "no memory is mapped at the address");
    if (level == 1 || entry.Large()) {
      return entry.Physical() + virtual_address % EntrySpan(level);
    }
    table = entry.Table();
  }
}

}  // namespace ebbrt
