// EbbAllocator: new Ebb ids, unique in the whole application without asking.
#pragma once

#include <atomic>
#include <vector>

#include "common/base_ebbs.h"
#include "common/ebb_ref.h"
#include "common/ring_queue.h"
#include "common/spin_lock.h"

namespace ebbrt {

/// One representative per node. Hands out the 65,535 ids of the node's range.
class EbbAllocator {
 public:
  static EbbAllocator& HandleFault(EbbId id);

  /// An id that no Ebb has: a fresh one as long as there are any, then those
  /// that were given back, the oldest first. Throws std::length_error when all
  /// of the node's range are in use.
  EbbId Allocate();
  /// Gives `id` back, which this node's Allocate gave. Nothing may refer to it
  /// any more. Once; throws std::bad_alloc (the id is then never used again).
  void Free(EbbId id);
  /// Whether `id` is of this node's range and no Ebb's.
  bool IsFree(EbbId id);

 private:
  std::atomic<uint32_t> next_{1};  // 0 of node 0 would be kNoEbb
  SpinLock lock_;
  RingQueue<EbbId> freed_;     // guarded by lock_
  std::vector<bool> is_free_;  // what is in freed_; guarded by lock_
};

inline constexpr EbbRef<EbbAllocator> ebb_allocator{kEbbAllocatorId};

/// The node on which an Ebb is at home: the one whose range its id is from; the
/// front-end for the fixed ids.
NodeId HomeOf(EbbId id);

}  // namespace ebbrt
