#include "native/region_table.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "native/page_allocator.h"
#include "native/page_table.h"

namespace ebbrt::region_table {
namespace {

using Entry = PageTableEntry;

constexpr unsigned kLargeLevel = 2;
constexpr size_t kLargePages = EntrySpan(kLargeLevel) / kPageSize;
constexpr unsigned kRootLevel = kTopLevel - 1;  // SharedTable's

bool IsEmpty(Entry e) { return e.Bits() == 0; }
bool HasMemory(Entry e) { return (e.Bits() & Entry::kMemory) != 0; }
bool IsDemand(Entry e) {
  return (e.Bits() & (Entry::kMemory | Entry::kDemand)) == Entry::kDemand;
}
bool IsTable(Entry e) { return e.Present() && !HasMemory(e); }
bool IsFresh(Entry e) { return (e.Bits() & Entry::kFresh) != 0; }

Access AccessOf(Entry e) {
  constexpr uint64_t kMask = 7;
  return static_cast<Access>(e.Bits() >> Entry::kAccessShift & kMask);
}
uint64_t AccessBits(Access access) {
  return static_cast<uint64_t>(access) << Entry::kAccessShift;
}

Entry DemandEntry(Access access) {
  return Entry(Entry::kDemand | AccessBits(access));
}

Entry MemoryEntry(uint64_t physical, unsigned level, Access access) {
  uint64_t rights = RightsFor(access) | Entry::kMemory | AccessBits(access);
  Entry entry = Entry::Page(physical, level, rights);
  if (access != Access::kNone) return entry;
  return Entry(entry.Bits() & ~Entry::kPresent);
}

bool Allows(Access has, Access wanted) {
  switch (wanted) {
    case Access::kReadWrite:
      return has == Access::kReadWrite || has == Access::kReadWriteExecute;
    case Access::kReadExecute:
      return has == Access::kReadExecute || has == Access::kReadWriteExecute;
    default:
      return has != Access::kNone;
  }
}

void Store(Entry& place, Entry value) {
  static_assert(sizeof(Entry) == sizeof(uint64_t));
  __atomic_store_n(reinterpret_cast<uint64_t*>(&place), value.Bits(),
                   __ATOMIC_RELEASE);
}

/// False if `place` wasn't `expected`, but another core's table by now.
bool Exchange(Entry& place, Entry expected, Entry value) {
  uint64_t bits = expected.Bits();
  return __atomic_compare_exchange_n(reinterpret_cast<uint64_t*>(&place), &bits,
                                     value.Bits(), false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE);
}

// A large page brings the table along that it needs when it is split: so taking
// memory away can't fail for want of it.
PageNumber& SplitTableOf(PageNumber large) { return page_infos[large].next; }

/// The same as `entry` in a table's entries of the level below. Fresh pages are
/// never split: who made them goes over the same range again.
void FillParts(PageTable& table, Entry entry, unsigned level) {
  if (!HasMemory(entry)) {
    table.Fill(entry);
    return;
  }
  const uint64_t span = EntrySpan(level - 1);
  uint64_t physical = entry.Physical() & ~(EntrySpan(level) - 1);
  for (uint64_t offset = 0; offset < EntrySpan(level); offset += span) {
    table.Entry(offset, level - 1) =
        MemoryEntry(physical + offset, level - 1, AccessOf(entry));
  }
}

/// Replaces `place`, no table, by a table of equal parts.
bool Split(Entry& place, unsigned level) {
  Entry entry = place;
  void* memory = HasMemory(entry)
                     ? ToAddress(SplitTableOf(entry.Physical() >> kPageShift))
                     : AllocatePages(1);
  if (memory == nullptr) return false;
  auto* table = static_cast<PageTable*>(memory);
  FillParts(*table, entry, level);
  if (!Exchange(place, entry, Entry::Table(table))) FreePages(memory, 1);
  return true;
}

/// A change of pages, told entry by entry.
class Change {
 public:
  enum class Result { kDone, kSplit, kNoMemory };

  /// `entry` is no table; the change is meant for all it stands for. kSplit: to
  /// be told again of its parts.
  virtual Result Apply(Entry& entry, unsigned level) = 0;
  /// Whether empty pages are concerned.
  virtual bool ConcernsEmpty() const { return false; }

 protected:
  ~Change() = default;
};

bool Visit(PageTable& table, unsigned level, Range range, Change& change) {
  const uint64_t span = EntrySpan(level);
  for (uint64_t at = range.begin; at < range.End();) {
    uint64_t end = std::min(range.End(), (at & ~(span - 1)) + span);
    Entry& entry = table.Entry(at, level);
    auto result = Change::Result::kSplit;
    if (!IsTable(entry)) {
      if (IsEmpty(entry) && !change.ConcernsEmpty()) {
        at = end;
        continue;
      }
      if (end - at == span) result = change.Apply(entry, level);
    }
    if (result == Change::Result::kNoMemory) return false;
    if (result == Change::Result::kSplit) {
      if (!IsTable(entry) && !Split(entry, level)) return false;
      if (!Visit(*entry.Table(), level - 1, {at, end - at}, change)) {
        return false;
      }
    }
    at = end;
  }
  return true;
}

bool VisitAll(Range range, Change& change) {
  const uint64_t span = EntrySpan(kTopLevel);
  for (uint64_t at = range.begin; at < range.End();) {
    uint64_t end = std::min(range.End(), (at & ~(span - 1)) + span);
    PageTable* table = SharedTable(at);
    if (table == nullptr ||
        !Visit(*table, kRootLevel, {at, end - at}, change)) {
      return false;
    }
    at = end;
  }
  return true;
}

/// Gives pages that have none memory that nobody can reach yet: marked fresh,
/// and remembering what they were.
class AddMemory final : public Change {
 public:
  Result Apply(Entry& entry, unsigned level) override {
    if (HasMemory(entry)) return Result::kDone;
    if (level > kLargeLevel) return Result::kSplit;
    void* memory =
        level == kLargeLevel ? AllocateLarge() : AllocateZeroedPages(1);
    if (memory == nullptr) {
      return level == kLargeLevel ? Result::kSplit : Result::kNoMemory;
    }
    uint64_t was = entry.Bits() & (Entry::kDemand | AccessBits(kAllAccess));
    Entry hidden =
        MemoryEntry(reinterpret_cast<uint64_t>(memory), level, Access::kNone);
    Store(entry, Entry(hidden.Bits() | Entry::kFresh | was));
    return Result::kDone;
  }
  bool ConcernsEmpty() const override { return true; }

 private:
  static constexpr Access kAllAccess = static_cast<Access>(7);

  static void* AllocateLarge() {
    void* table = AllocatePages(1);
    if (table == nullptr) return nullptr;
    void* memory = AllocatePages(kLargePages, EntrySpan(kLargeLevel));
    if (memory == nullptr) {
      FreePages(table, 1);
      return nullptr;
    }
    std::memset(memory, 0, EntrySpan(kLargeLevel));
    SplitTableOf(ToPageNumber(memory)) = ToPageNumber(table);
    return memory;
  }
};

/// Adds the memory of `entry` to what is to be freed.
void Retire(Entry entry, unsigned level, Retired& retired) {
  auto page = static_cast<PageNumber>(
      (entry.Physical() & ~(EntrySpan(level) - 1)) >> kPageShift);
  if (level == kLargeLevel) retired.Add(SplitTableOf(page), 1);
  retired.Add(page, EntrySpan(level) / kPageSize);
}

/// Undoes AddMemory.
class DropFresh final : public Change {
 public:
  explicit DropFresh(Retired& retired) : retired_(retired) {}
  Result Apply(Entry& entry, unsigned level) override {
    if (!IsFresh(entry)) return Result::kDone;
    Entry old = entry;
    bool demand = (old.Bits() & Entry::kDemand) != 0;
    Store(entry, demand ? DemandEntry(AccessOf(old)) : Entry());
    Retire(old, level, retired_);
    return Result::kDone;
  }

 private:
  Retired& retired_;
};

/// Sets rights; fresh pages that shall keep theirs get those of before.
class SetAccess final : public Change {
 public:
  SetAccess(Access access, bool demand) : access_(access), demand_(demand) {}
  Result Apply(Entry& entry, unsigned level) override {
    if (!HasMemory(entry)) {
      Store(entry, DemandEntry(access_));
      return Result::kDone;
    }
    Entry changed =
        MemoryEntry(entry.Physical() & ~(EntrySpan(level) - 1), level, access_);
    if (entry.Present() && changed.Bits() != entry.Bits()) stale_ = true;
    Store(entry, changed);
    return Result::kDone;
  }
  bool ConcernsEmpty() const override { return demand_; }
  bool Stale() const { return stale_; }

 private:
  const Access access_;
  const bool demand_;
  bool stale_ = false;
};

class Remove final : public Change {
 public:
  Remove(Afterwards afterwards, Retired& retired)
      : afterwards_(afterwards), retired_(retired) {}
  Result Apply(Entry& entry, unsigned level) override {
    Entry old = entry;
    Store(entry, afterwards_ == Afterwards::kDemand ? DemandEntry(AccessOf(old))
                                                    : Entry());
    if (HasMemory(old)) Retire(old, level, retired_);
    return Result::kDone;
  }

 private:
  const Afterwards afterwards_;
  Retired& retired_;
};

/// Takes out the tables below `table` that hold only addresses of `range`.
void RemoveBelow(PageTable& table, unsigned level, Range range,
                 Retired& retired) {
  const uint64_t span = EntrySpan(level);
  for (uint64_t at = range.begin; at < range.End();) {
    uint64_t end = std::min(range.End(), (at & ~(span - 1)) + span);
    Entry& entry = table.Entry(at, level);
    if (level > 1 && IsTable(entry)) {
      RemoveBelow(*entry.Table(), level - 1, {at, end - at}, retired);
      if (end - at == span) {
        retired.Add(static_cast<PageNumber>(entry.Physical() >> kPageShift), 1);
        Store(entry, Entry());
      }
    }
    at = end;
  }
}

/// The entry that says what `address` is, or none.
Entry Find(uint64_t address) {
  PageTable* table = SharedTable(address);
  if (table == nullptr) return Entry();
  for (unsigned level = kRootLevel;; --level) {
    Entry entry = table->Entry(address, level);
    if (level == 1 || !IsTable(entry)) return entry;
    table = entry.Table();
  }
}

}  // namespace

Retired::~Retired() {
  while (head_ != kNoPage) {
    PageNumber page = head_;
    head_ = page_infos[page].next;
    FreePages(ToAddress(page), page_infos[page].large_pages);
  }
}

void Retired::Add(PageNumber first, size_t count) {
  page_infos[first].next = head_;
  page_infos[first].large_pages = static_cast<uint32_t>(count);
  head_ = first;
}

bool Commit(Range range, Access access, bool& stale) {
  AddMemory add;
  if (!VisitAll(range, add)) {
    Retired retired;
    DropFresh drop(retired);
    (void)VisitAll(range, drop);  // splits nothing: needs no memory
    return false;
  }
  return Protect(range, access, false, stale);
}

bool CommitCopy(uint64_t page, std::span<const std::byte> content,
                Access access) {
  if (HasMemory(Find(page))) return true;
  AddMemory add;
  Range range{page, kPageSize};
  if (!VisitAll(range, add)) return false;
  std::memcpy(
      ToAddress(static_cast<PageNumber>(Find(page).Physical() >> kPageShift)),
      content.data(), content.size());
  SetAccess set(access, false);
  return VisitAll(range, set);
}

bool Protect(Range range, Access access, bool demand, bool& stale) {
  SetAccess set(access, demand);
  bool done = VisitAll(range, set);
  stale = stale || set.Stale();
  return done;
}

bool Decommit(Range range, Afterwards afterwards, Retired& retired) {
  Remove remove(afterwards, retired);
  return VisitAll(range, remove);
}

void RemoveTables(Range range, Retired& retired) {
  const uint64_t span = EntrySpan(kTopLevel);
  for (uint64_t at = range.begin; at < range.End();) {
    uint64_t end = std::min(range.End(), (at & ~(span - 1)) + span);
    if (PageTable* table = SharedTable(at)) {
      RemoveBelow(*table, kRootLevel, {at, end - at}, retired);
    }
    at = end;
  }
}

Touch Look(uint64_t address, Access access) {
  Entry entry = Find(address);
  if (IsEmpty(entry)) return Touch::kEmpty;
  if (!Allows(AccessOf(entry), access)) return Touch::kDenied;
  return HasMemory(entry) ? Touch::kAllowed : Touch::kDemand;
}

bool Populate(uint64_t address) {
  uint64_t page = address & ~(kPageSize - 1);
  Entry entry = Find(page);
  if (!IsDemand(entry)) return true;
  bool stale = false;
  return Commit({page, kPageSize}, AccessOf(entry), stale);
}

}  // namespace ebbrt::region_table
