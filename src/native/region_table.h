// What the page tables say of virtual regions (virtual_memory.h), and changes
// of it.
//
// A page of a region is in one of these states, and its entry alone tells
// which; an entry of a higher level stands for all pages below it, so that
// gigabytes of untouched addresses cost nothing.
//
//   empty     nothing; an access is a fault
//   demand    no memory yet; the first access that its rights allow brings it
//   memory    has a page, of 4 KiB or 2 MiB, mapped with its rights
//
// A region's pages are changed and looked at under its lock. Several regions
// may share a table; tables are therefore entered atomically, and a table that
// only one region can use is taken out with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "native/page_info.h"
#include "native/paging.h"

namespace ebbrt::region_table {

/// [begin, begin + size), multiples of kPageSize, in the virtual regions.
struct Range {
  uint64_t begin;
  uint64_t size;
  uint64_t End() const { return begin + size; }
};

/// Pages and tables that no entry refers to any more; they may be used again
/// after FlushTlb. Linked through their PageInfo. Frees them when it ends.
class Retired {
 public:
  Retired() = default;
  Retired(const Retired&) = delete;
  Retired& operator=(const Retired&) = delete;
  ~Retired();
  void Add(PageNumber first, size_t count);
  bool Empty() const { return head_ == kNoPage; }

 private:
  PageNumber head_ = kNoPage;
};

/// Gives every page of `range` memory, zeroed if it is new, and `access`. False
/// when memory is exhausted; then the range is as before. `stale` is set if a
/// core may still know the rights of before, which FlushTlb ends.
[[nodiscard]] bool Commit(Range range, Access access, bool& stale);

/// Gives the empty page at `page` a copy of `content` with `access`; nobody
/// sees it otherwise. Does nothing if the page has memory. False as above.
[[nodiscard]] bool CommitCopy(uint64_t page, std::span<const std::byte> content,
                              Access access);

/// Changes the rights of pages that aren't empty, or, if `demand`, of all, the
/// empty ones becoming demand pages. False as above; a part may be changed.
[[nodiscard]] bool Protect(Range range, Access access, bool demand,
                           bool& stale);

enum class Afterwards { kEmpty, kDemand };

/// Takes all memory of the range; its pages are then empty, or demand pages
/// with the rights they had. False as above (only when a larger demand range
/// has to be split); a part may then be done.
[[nodiscard]] bool Decommit(Range range, Afterwards afterwards,
                            Retired& retired);

/// Takes out the tables that hold nothing but `range`, all of whose pages are
/// empty.
void RemoveTables(Range range, Retired& retired);

/// What an access meets: memory that allows it, a demand page that will, either
/// of them with other rights, or an empty page.
enum class Touch { kAllowed, kDemand, kDenied, kEmpty };
Touch Look(uint64_t address, Access access);

/// Gives the demand page that holds `address` its memory. True also if it has
/// some by now.
[[nodiscard]] bool Populate(uint64_t address);

}  // namespace ebbrt::region_table
