#include "native/virtual_memory.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <mutex>
#include <new>
#include <stdexcept>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/spin_lock.h"
#include "native/cpu.h"
#include "native/fault.h"
#include "native/region_table.h"
#include "native/tlb.h"

namespace ebbrt {
namespace {

using region_table::Range;
using region_table::Touch;

// The address space is divided in arenas, one for each power of two, and these
// in slots of that size. So a region is found from an address without search or
// lock, and is aligned to its size.
constexpr unsigned kSmallestSlot = 16;  // log2 of bytes
constexpr unsigned kLargestSlot = 41;
constexpr unsigned kArenas = kLargestSlot - kSmallestSlot + 1;
constexpr unsigned kArenaBits = 41;
static_assert(uint64_t{kArenas} << kArenaBits <= kVirtualRegionsSize);
static_assert(VirtualMemory::kMaxRegion == uint64_t{1} << kLargestSlot);

constexpr unsigned ArenaOf(uint64_t address) {
  return static_cast<unsigned>((address - kVirtualRegions) >> kArenaBits);
}
constexpr uint64_t ArenaBegin(unsigned arena) {
  return kVirtualRegions + (uint64_t{arena} << kArenaBits);
}

[[noreturn, gnu::cold]] void ThrowNotReserved() {
  throw std::invalid_argument(
      "VirtualMemory: the range is not in one region that Reserve has given "
      "and "
      "Release has not taken");
}

void OrThrow(bool enough_memory) {
  if (!enough_memory) throw std::bad_alloc();
}

}  // namespace

struct VirtualMemory::Region {
  /// Whether all of `r` was reserved and nothing of it released.
  bool Holds(Range r) const {
    if (r.begin < begin || r.size > size || r.begin - begin > size - r.size) {
      return false;
    }
    return std::none_of(released.begin(), released.end(),
                        [&](const Range& gone) {
                          return r.begin < gone.End() && gone.begin < r.End();
                        });
  }
  uint64_t Held() const {
    uint64_t held = size;
    for (const Range& gone : released) held -= gone.size;
    return held;
  }

  /// Room for one more range is reserved in the list.
  void MarkReleased(Range r) {
    auto gone =
        std::find_if(released.begin(), released.end(), [&](const Range& gone) {
          return gone.End() == r.begin || r.End() == gone.begin;
        });
    if (gone == released.end()) {
      released.push_back(r);
    } else {
      *gone = {std::min(gone->begin, r.begin), gone->size + r.size};
    }
  }

  uint64_t begin;
  uint64_t size;  // what of the slot was asked for
  unsigned slot_bits;
  PageFaultHandler handler;
  SpinLock lock;  // guards the entries of its pages, and:
  std::vector<Range> released;
};

/// The slots of one size.
class VirtualMemory::Arena {
 public:
  /// Enters `region` in a free slot and gives the slot's number.
  uint64_t Add(Region* region, uint64_t slots) {
    std::lock_guard guard(lock_);
    if (!free_.empty()) {
      uint64_t slot = free_.back();
      free_.pop_back();
      Place(slot)->store(region, std::memory_order_release);
      return slot;
    }
    uint64_t slot = next_;
    if (slot == std::min(slots, kMaxSlots)) throw std::bad_alloc();
    // Room in the free list is made now, so that giving back can't fail.
    if (free_.capacity() <= slot) free_.reserve(2 * slot + 1);
    auto& chunk = chunks_[slot / kChunk];
    if (chunk.load() == nullptr) chunk = new Chunk();
    Place(slot)->store(region, std::memory_order_release);
    ++next_;
    return slot;
  }

  void Remove(uint64_t slot) {
    std::lock_guard guard(lock_);
    Place(slot)->store(nullptr, std::memory_order_release);
    free_.push_back(slot);
  }

  Region* Find(uint64_t slot) const {
    auto* place = slot < kMaxSlots ? Place(slot) : nullptr;
    return place == nullptr ? nullptr : place->load(std::memory_order_acquire);
  }

  ~Arena() {
    for (auto& chunk : chunks_) delete chunk.load();
  }

 private:
  static constexpr uint64_t kChunk = 512;
  static constexpr uint64_t kMaxSlots = 1 << 18;
  using Chunk = std::array<std::atomic<Region*>, kChunk>;

  std::atomic<Region*>* Place(uint64_t slot) const {
    Chunk* chunk = chunks_[slot / kChunk].load(std::memory_order_acquire);
    return chunk == nullptr ? nullptr : &(*chunk)[slot % kChunk];
  }

  SpinLock lock_;  // guards next_ and free_
  uint64_t next_ = 0;
  std::vector<uint64_t> free_;
  std::array<std::atomic<Chunk*>, kMaxSlots / kChunk> chunks_{};
};

/// A range of a region, with the region locked.
class VirtualMemory::Use {
 public:
  Use(Region& region, Range range)
      : region(region), range(range), lock_(region.lock) {
    if (!region.Holds(range)) ThrowNotReserved();
  }
  Region& region;
  const Range range;

 private:
  std::lock_guard<SpinLock> lock_;
};

VirtualMemory::VirtualMemory() : arenas_(new Arena[kArenas]) {
  page_fault_resolver = &Resolve;
}

VirtualMemory::~VirtualMemory() = default;

VirtualMemory::Region* VirtualMemory::Find(uint64_t address) const {
  if (!InVirtualRegions(address) || ArenaOf(address) >= kArenas) return nullptr;
  unsigned arena = ArenaOf(address);
  return arenas_[arena].Find((address - ArenaBegin(arena)) >>
                             (arena + kSmallestSlot));
}

VirtualMemory::Use VirtualMemory::UseRange(void* begin, size_t size) const {
  auto address = reinterpret_cast<uint64_t>(begin);
  uint64_t first = address & ~(kPageSize - 1);
  if (size == 0 || size > kMaxRegion) ThrowNotReserved();
  uint64_t last = (address + size + kPageSize - 1) & ~(kPageSize - 1);
  Region* region = Find(first);
  if (region == nullptr) ThrowNotReserved();
  return Use(*region, {first, last - first});
}

void* VirtualMemory::Reserve(size_t size, size_t alignment,
                             PageFaultHandler handler) {
  if (size == 0 || !std::has_single_bit(alignment)) {
    throw std::invalid_argument(
        "VirtualMemory: a region has a size, and a power of two as alignment");
  }
  if (size > kMaxRegion || alignment > kMaxRegion) throw std::bad_alloc();
  auto region = std::make_unique<Region>();
  region->size = (size + kPageSize - 1) & ~(kPageSize - 1);
  region->handler = std::move(handler);
  region->slot_bits = std::max<unsigned>(
      kSmallestSlot, std::bit_width(std::max(region->size, alignment) - 1));
  unsigned arena = region->slot_bits - kSmallestSlot;
  uint64_t slots = uint64_t{1} << (kArenaBits - region->slot_bits);
  // Nobody knows the address before this returns.
  uint64_t slot = arenas_[arena].Add(region.get(), slots);
  region->begin = ArenaBegin(arena) + (slot << region->slot_bits);
  return reinterpret_cast<void*>(region.release()->begin);
}

void VirtualMemory::Commit(void* begin, size_t size, Access access) {
  Use use = UseRange(begin, size);
  bool stale = false;
  OrThrow(region_table::Commit(use.range, access, stale));
  if (stale) FlushTlb(use.range.begin, use.range.size);
}

void VirtualMemory::CommitCopy(void* page, std::span<const std::byte> content,
                               Access access) {
  if (content.size() > kPageSize) {
    throw std::invalid_argument(
        "VirtualMemory: the content of a page is 4 KiB");
  }
  Use use = UseRange(page, 1);
  OrThrow(region_table::CommitCopy(use.range.begin, content, access));
}

void VirtualMemory::ChangeAccess(const Use& use, Access access,
                                 bool on_demand) {
  bool stale = false;
  bool done = region_table::Protect(use.range, access, on_demand, stale);
  if (stale) FlushTlb(use.range.begin, use.range.size);
  OrThrow(done);
}

void VirtualMemory::CommitOnDemand(void* begin, size_t size, Access access) {
  ChangeAccess(UseRange(begin, size), access, true);
}

void VirtualMemory::Protect(void* begin, size_t size, Access access) {
  ChangeAccess(UseRange(begin, size), access, false);
}

void VirtualMemory::TakeMemory(const Use& use,
                               region_table::Afterwards afterwards) {
  region_table::Retired retired;
  bool done = region_table::Decommit(use.range, afterwards, retired);
  if (!retired.Empty()) FlushTlb(use.range.begin, use.range.size);
  OrThrow(done);
}

void VirtualMemory::Decommit(void* begin, size_t size) {
  TakeMemory(UseRange(begin, size), region_table::Afterwards::kEmpty);
}

void VirtualMemory::Discard(void* begin, size_t size) {
  TakeMemory(UseRange(begin, size), region_table::Afterwards::kDemand);
}

void VirtualMemory::Release(void* begin, size_t size) {
  Region* ended = nullptr;
  {
    Use use = UseRange(begin, size);
    use.region.released.reserve(use.region.released.size() + 1);
    TakeMemory(use, region_table::Afterwards::kEmpty);
    use.region.MarkReleased(use.range);
    if (use.region.Held() == 0) ended = &use.region;
  }
  if (ended != nullptr) End(ended);
}

void VirtualMemory::End(Region* region) {
  Range slot{region->begin, uint64_t{1} << region->slot_bits};
  {
    region_table::Retired tables;
    region_table::RemoveTables(slot, tables);
    if (!tables.Empty()) FlushTlb(slot.begin, slot.size);
  }
  unsigned arena = region->slot_bits - kSmallestSlot;
  arenas_[arena].Remove((slot.begin - ArenaBegin(arena)) >> region->slot_bits);
  delete region;
}

const char* VirtualMemory::Resolve(uint64_t address, uint64_t error) {
  Access access = (error & kPageFaultFetch) != 0   ? Access::kReadExecute
                  : (error & kPageFaultWrite) != 0 ? Access::kReadWrite
                                                   : Access::kRead;
  Region* region = virtual_memory->Find(address);
  if (region == nullptr) return ", where no region is reserved";
  Touch touch;
  {
    std::lock_guard guard(region->lock);
    touch = region_table::Look(address, access);
    if (touch == Touch::kDemand && !region_table::Populate(address)) {
      return ", where memory is due, but exhausted";
    }
  }
  if (touch == Touch::kAllowed || touch == Touch::kDemand) {
    cpu::InvalidatePage(address);
    return nullptr;
  }
  try {
    if (region->handler && region->handler({address, access})) return nullptr;
  } catch (const std::exception&) {
    return ", in a region whose page-fault handler threw";
  }
  return touch == Touch::kDenied ? ", against the protection of its region"
                                 : ", where its region has no memory";
}

}  // namespace ebbrt
