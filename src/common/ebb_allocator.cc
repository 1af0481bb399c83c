#include "common/ebb_allocator.h"

#include <mutex>
#include <stdexcept>

#include "common/runtime.h"

namespace ebbrt {
namespace {

constexpr uint32_t kRangeBits = 16;
constexpr uint32_t kRangeSize = 1u << kRangeBits;

}  // namespace

EbbAllocator& EbbAllocator::HandleFault(EbbId id) {
  static EbbAllocator allocator;
  CacheRep(id, &allocator);
  return allocator;
}

EbbId EbbAllocator::Allocate() {
  uint32_t number = next_.fetch_add(1, std::memory_order_relaxed);
  if (number >= kRangeSize) {
    next_.store(kRangeSize, std::memory_order_relaxed);
    std::lock_guard guard(lock_);
    if (!freed_.Empty()) return freed_.Pop();
    throw std::length_error("this node has used up its range of Ebb ids");
  }
  return static_cast<EbbId>(runtime::ThisNode()) << kRangeBits | number;
}

void EbbAllocator::Free(EbbId id) {
  std::lock_guard guard(lock_);
  freed_.Push(id);
}

NodeId HomeOf(EbbId id) {
  if (id >= kApplicationRange) return kFrontEndNode;
  return static_cast<NodeId>(id >> kRangeBits);
}

}  // namespace ebbrt
