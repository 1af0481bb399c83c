#include "platform/stack.h"

#include <mutex>
#include <new>

#include "common/spin_lock.h"
#include "native/paging.h"
#include "native/percore.h"
#include "native/stack_region.h"

namespace ebbrt {
namespace {

size_t Pages() { return (kContextSize + StackSize()) / kPageSize; }

/// A free stack, linked at its top, where its pages are warm.
struct FreeStackLink {
  void* next;
};

// Stacks are used by one core each, which keeps those it has freed: the mapping
// stays, so no other core's TLB ever has to be told.
EBBRT_PERCORE void* free_stacks = nullptr;

SpinLock lock;  // guards next_slot
uint64_t next_slot = kStackRegion;

FreeStackLink& LinkOf(void* lowest) {
  auto top = static_cast<char*>(lowest) + StackSize();
  return *reinterpret_cast<FreeStackLink*>(top - sizeof(FreeStackLink));
}

bool MapPart(uint64_t address, char* memory, uint64_t size) {
  return MapShared(address, reinterpret_cast<uint64_t>(memory), size,
                   Access::kReadWrite, Caching::kWriteBack);
}

void* MapNewStack() {
  auto* memory = static_cast<char*>(AllocatePages(Pages()));
  if (memory == nullptr) throw std::bad_alloc();
  uint64_t slot;
  {
    std::lock_guard guard(lock);
    slot = next_slot;
    next_slot += StackSlot();
  }
  uint64_t lowest = slot + kContextSize + GuardSize();
  if (slot + StackSlot() > kStackRegion + kRegionSize ||
      !MapPart(slot, memory, kContextSize) ||
      !MapPart(lowest, memory + kContextSize, StackSize())) {
    FreePages(memory, Pages());
    throw std::bad_alloc();
  }
  InitContext(reinterpret_cast<void*>(slot));
  return reinterpret_cast<void*>(lowest);
}

}  // namespace

namespace platform {

Stack AllocateStack() {
  void* lowest = free_stacks;
  if (lowest != nullptr) {
    free_stacks = LinkOf(lowest).next;
  } else {
    lowest = MapNewStack();
  }
  return {lowest, StackSize()};
}

void FreeStack(Stack stack) {
  LinkOf(stack.lowest).next = free_stacks;
  free_stacks = stack.lowest;
}

}  // namespace platform
}  // namespace ebbrt
