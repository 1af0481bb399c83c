// EbbAllocator: new Ebb ids, unique in the whole application without asking.
#pragma once

#include <atomic>

#include "common/base_ebbs.h"
#include "common/ebb_ref.h"

namespace ebbrt {

/// One representative per node. Hands out the 65,535 ids of the node's range.
class EbbAllocator {
 public:
  static EbbAllocator& HandleFault(EbbId id);

  /// A fresh id. Throws std::length_error when the node's range is used up.
  EbbId Allocate();

 private:
  std::atomic<uint32_t> next_{1};  // 0 of node 0 would be kNoEbb
};

inline constexpr EbbRef<EbbAllocator> ebb_allocator{kEbbAllocatorId};

/// The node on which an Ebb is at home: the one whose range its id is from; the
/// front-end for the fixed ids.
NodeId HomeOf(EbbId id);

}  // namespace ebbrt
