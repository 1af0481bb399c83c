#include "common/ebb_allocator.h"

#include <mutex>
#include <stdexcept>

#include "common/check.h"
#include "common/runtime.h"

namespace ebbrt {
namespace {

constexpr uint32_t kRangeBits = 16;
constexpr uint32_t kRangeSize = 1u << kRangeBits;

}  // namespace

EbbAllocator& EbbAllocator::HandleFault(EbbId id) {
  static auto* allocator = new EbbAllocator;  // lives as long as the node
  CacheRep(id, allocator);
  return *allocator;
}

EbbId EbbAllocator::Allocate() {
  uint32_t number = next_.fetch_add(1, std::memory_order_relaxed);
  if (number >= kRangeSize) {
    next_.store(kRangeSize, std::memory_order_relaxed);
    std::lock_guard guard(lock_);
    if (!freed_.Empty()) {
      EbbId id = freed_.Pop();
      is_free_[id & (kRangeSize - 1)] = false;
      return id;
    }
    throw std::length_error("this node has used up its range of Ebb ids");
  }
  return static_cast<EbbId>(runtime::ThisNode()) << kRangeBits | number;
}

void EbbAllocator::Free(EbbId id) {
  std::lock_guard guard(lock_);
  if (is_free_.empty()) is_free_.resize(kRangeSize);
  auto is_free = is_free_[id & (kRangeSize - 1)];
  EBBRT_CHECK(HomeOf(id) == runtime::ThisNode() && !is_free,
              "an Ebb id was freed that was not allocated");
  freed_.Push(id);
  is_free = true;
}

bool EbbAllocator::IsFree(EbbId id) {
  if (id >= kApplicationRange || HomeOf(id) != runtime::ThisNode())
    return false;
  uint32_t number = id & (kRangeSize - 1);
  if (number >= next_.load(std::memory_order_relaxed)) return true;
  std::lock_guard guard(lock_);
  return !is_free_.empty() && is_free_[number];
}

NodeId HomeOf(EbbId id) {
  if (id >= kApplicationRange) return kFrontEndNode;
  return static_cast<NodeId>(id >> kRangeBits);
}

}  // namespace ebbrt
