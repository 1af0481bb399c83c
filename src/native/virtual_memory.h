// The VirtualMemory Ebb: address space that an application manages itself.
//
// A region is reserved first: addresses that nothing else will have, and an
// access to them a fault. Its pages then get memory, rights and lose them
// again, in any order and any number of times:
//
//   Reserve -> [empty] --Commit, CommitCopy-----------> [memory] --Decommit-->
//   [empty]
//              [empty] --CommitOnDemand--> [demand] --first access--> [memory]
//              [memory], [demand] --Protect--> the same with other rights
//   [memory] --Discard--> [demand]
//   Release ends the region, or a part of it.
//
// A region may have a page-fault handler. It is called for every access that
// the page's state doesn't allow, on the core and in the context of the code
// that made it, as if that code had called it: it may commit the page, change
// its rights, fault itself, and block where that code may block (fetching the
// page from another node, say). Vector registers and all others are kept for
// that code.
//
// Any core, in events. The calls on a region take turns; a handler is called
// without any lock. A change of rights holds on all cores when the call returns
// (tlb.h). Memory is of the NUMA node of the core that commits or first touches
// it.
//
// Ranges are any bytes; the pages they lie in are meant. One call stays in one
// region. OSDI'16 §3.4 (virtual memory allocator); the states are those of V8's
// PageAllocator and of mmap, which libc/mman.cc has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "common/base_ebbs.h"
#include "common/move_function.h"
#include "common/shared_ebb.h"
#include "native/paging.h"

namespace ebbrt {

namespace region_table {
enum class Afterwards;
}

/// An access that the state of its page doesn't allow.
struct PageFault {
  uintptr_t address;
  Access access;  // what was tried: kRead, kReadWrite or kReadExecute
};

/// True: the access is to be tried again. False: it's a fault, reported as one,
/// which ends the node; so does an exception. May be called on several cores at
/// once, for the same page too.
using PageFaultHandler = MoveFunction<bool(const PageFault&)>;

class VirtualMemory : public SharedEbb<VirtualMemory> {
 public:
  /// The largest region, 2 TiB.
  static constexpr uint64_t kMaxRegion = uint64_t{1} << 41;

  VirtualMemory();
  ~VirtualMemory();

  /// Reserves `size` > 0 bytes at a multiple of `alignment`, a power of two.
  /// Throws std::bad_alloc when there's no memory to keep account of it or no
  /// address space left; std::invalid_argument for a size of 0.
  void* Reserve(size_t size, size_t alignment = kPageSize,
                PageFaultHandler handler = nullptr);

  // The following throw std::invalid_argument when the range isn't in a region,
  // or in a part that was released.

  /// Gives every page of the range memory, with `access`: zeros where it had
  /// none, else what it holds. Whole 2 MiB that have no memory yet get a large
  /// page if there is one. Throws std::bad_alloc when memory is exhausted, and
  /// nothing has changed.
  void Commit(void* begin, size_t size, Access access);

  /// Gives the page at `page` a copy of `content`, at most a page, before
  /// anybody can see it; zeros follow. If it has memory already nothing
  /// happens: somebody was faster. For page-fault handlers. Throws
  /// std::bad_alloc.
  void CommitCopy(void* page, std::span<const std::byte> content,
                  Access access);

  /// Lets every page of the range that has no memory get it when it is first
  /// accessed, and gives all of them `access`. Memory that is exhausted then is
  /// a fault. Throws std::bad_alloc; a part of the range may be done.
  void CommitOnDemand(void* begin, size_t size, Access access);

  /// Changes the rights of the pages that aren't empty. Throws std::bad_alloc
  /// when only part of a demand range is meant and there's no memory for its
  /// table.
  void Protect(void* begin, size_t size, Access access);

  /// Makes all pages of the range empty, their content lost, their memory free.
  /// Throws as Protect.
  void Decommit(void* begin, size_t size);

  /// Takes the memory of the range; its pages keep their rights and get memory
  /// anew, zeroed, when they are next accessed. Throws as Protect.
  void Discard(void* begin, size_t size);

  /// Decommits the range and gives its addresses back; the region ends with the
  /// last part of it. Nothing may use the range meanwhile. Throws as Protect.
  void Release(void* begin, size_t size);

 private:
  struct Region;
  class Arena;
  class Use;

  Region* Find(uint64_t address) const;
  Use UseRange(void* begin, size_t size) const;
  static void ChangeAccess(const Use& use, Access access, bool on_demand);
  static void TakeMemory(const Use& use, region_table::Afterwards afterwards);
  void End(Region* region);
  static const char* Resolve(uint64_t address, uint64_t error);

  std::unique_ptr<Arena[]> arenas_;
};

inline constexpr EbbRef<VirtualMemory> virtual_memory{kVirtualMemoryId};

}  // namespace ebbrt
