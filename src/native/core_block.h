// CoreBlock: what the processor of each core needs in memory of its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/types.h"

namespace ebbrt {

/// 64-bit task-state segment: the stacks that exceptions and interrupts switch
/// to (SDM §7.7).
struct [[gnu::packed]] TaskState {
  uint32_t reserved0;
  uint64_t privilege_stacks[3];
  uint64_t reserved1;
  uint64_t interrupt_stacks[7];  // [n] is used by gates with stack n + 1
  uint64_t reserved2;
  uint16_t reserved3;
  uint16_t io_map_base;
};
static_assert(sizeof(TaskState) == 104);

/// Which of a core's interrupt stacks a gate uses; the gate's IST field.
enum class InterruptStack : uint8_t {
  kFaults = 1,     // what code may cause: page faults and such
  kDisasters = 2,  // double fault, machine check; interrupts, whose stubs are
                   // two instructions (vectors.S) and call nothing
  kNmi = 3,        // may come while any other of them is in use
};
inline constexpr unsigned kInterruptStacks = 3;

struct alignas(64) CoreBlock {
  std::array<uint64_t, 5> segments;  // null, code, data, task state (two words)
  TaskState task_state;
  CoreId id;
  uint32_t apic_id;
  uint64_t page_tables;   // for CR3
  void* thread_pointer;   // for %fs
};

/// Core 0's block, usable before there is any memory to allocate.
extern CoreBlock first_core_block;

/// Fills `block` but for page_tables and thread_pointer. Exceptions use a part
/// of the boot stack until MakeInterruptStacks.
void CoreBlockInit(CoreBlock& block, CoreId id, uint32_t apic_id);

/// Gives the block's core the stacks of InterruptStack, each above an unmapped
/// guard (stack_region.h). On core 0, after PagingInit and NumaInit. Out of
/// memory is a panic.
void MakeInterruptStacks(CoreBlock& block);

/// Makes the calling core use the block's segments and stacks.
void LoadSegments(CoreBlock& block);

/// A block of thread-local storage, filled from the image's template; the value
/// for %fs. Out of memory is a panic. Any core.
void* MakeThreadLocalBlock();

/// Makes the calling core use `thread_pointer` for its thread_locals.
void LoadThreadPointer(void* thread_pointer);

/// Turns on the vector state this processor has beyond SSE, on the calling core,
/// and lets page faults save it (vectors.S).
void EnableVectorState();

}  // namespace ebbrt
