#include "native/core_block.h"

#include <cstring>

#include "common/check.h"
#include "native/cpu.h"
#include "native/image.h"
#include "native/numa.h"
#include "native/page_allocator.h"
#include "native/stack_region.h"

namespace ebbrt {

CoreBlock first_core_block;

extern "C" {
// How vectors.S saves vector registers: bytes of the area; whether with XSAVE.
constinit uint64_t vector_state_size = 512;  // FXSAVE's
constinit bool vector_state_extended = false;
}

namespace {

// Segment descriptors (SDM §3.4.5); only these bits mean anything in long mode.
constexpr uint64_t kCodeSegment = 0x00AF9B000000FFFF;
constexpr uint64_t kDataSegment = 0x00CF93000000FFFF;
constexpr uint64_t kTaskStateAvailable = uint64_t{0x89} << 40;
constexpr uint16_t kCodeSelector = 1 << 3;
constexpr uint16_t kDataSelector = 2 << 3;
constexpr uint16_t kTaskStateSelector = 3 << 3;

struct [[gnu::packed]] TablePointer {
  uint16_t limit;
  const void* base;
};

}  // namespace

void CoreBlockInit(CoreBlock& block, CoreId id, uint32_t apic_id) {
  block.id = id;
  block.apic_id = apic_id;
  TaskState& task = block.task_state;
  task = {};
  task.io_map_base = sizeof(TaskState);
  for (unsigned i = 0; i < kInterruptStacks; ++i) {
    task.interrupt_stacks[i] = image::Address(early_interrupt_stack_top);
  }

  auto base = reinterpret_cast<uint64_t>(&task);
  uint64_t limit = sizeof(TaskState) - 1;
  block.segments = {0, kCodeSegment, kDataSegment,
                    limit | (base & 0xFFFFFF) << 16 | kTaskStateAvailable |
                        (base >> 24 & 0xFF) << 56,
                    base >> 32};
}

void MakeInterruptStacks(CoreBlock& block) {
  constexpr size_t kPages = kInterruptStacks * kInterruptStackSize / kPageSize;
  auto memory = reinterpret_cast<uint64_t>(
      PageAllocator::Own().AllocateOn(NumaNodeOf(block.id), kPages));
  bool done = memory != 0;
  for (unsigned i = 0; i < kInterruptStacks; ++i) {
    uint64_t top = InterruptStackTop(block.id, i);
    done =
        done &&
        MapShared(top - kInterruptStackSize, memory + i * kInterruptStackSize,
                  kInterruptStackSize, Access::kReadWrite, Caching::kWriteBack);
    block.task_state.interrupt_stacks[i] = top;
  }
  EBBRT_CHECK(done, "there is no memory for another core");
}

void LoadSegments(CoreBlock& block) {
  TablePointer pointer{sizeof(block.segments) - 1, block.segments.data()};
  asm volatile(
      "lgdt %0\n\t"
      "pushq %1\n\t"
      "leaq 1f(%%rip), %%rax\n\t"
      "pushq %%rax\n\t"
      "lretq\n"
      "1:\n\t"
      "mov %2, %%ss\n\t"
      "ltr %w3"
      :
      : "m"(pointer), "i"(kCodeSelector),
        "r"(static_cast<uint32_t>(kDataSelector)),
        "r"(static_cast<uint32_t>(kTaskStateSelector))
      : "rax", "memory");
}

void* MakeThreadLocalBlock() {
  // Variant II of "ELF Handling for Thread-Local Storage": the data ends at the
  // thread pointer, which points to itself.
  uintptr_t alignment = image::Address(tls_alignment);
  if (alignment < sizeof(void*)) alignment = sizeof(void*);
  size_t size =
      (image::Address(tls_size) + alignment - 1) & ~(alignment - 1);
  size_t data_size = tls_data_end - tls_begin;
  size_t pages = (size + sizeof(void*) + kPageSize - 1) >> kPageShift;
  auto* block = static_cast<char*>(AllocatePages(pages));
  EBBRT_CHECK(block != nullptr && alignment <= kPageSize,
              "there is no memory for thread-local data");
  std::memcpy(block, tls_begin, data_size);
  std::memset(block + data_size, 0, size - data_size);
  void* thread_pointer = block + size;
  *static_cast<void**>(thread_pointer) = thread_pointer;
  return thread_pointer;
}

void LoadThreadPointer(void* thread_pointer) {
  cpu::WriteMsr(cpu::Msr::kFsBase, reinterpret_cast<uint64_t>(thread_pointer));
}

void EnableVectorState() {
  constexpr uint64_t kX87AndSseAndAvx = 7;
  uint32_t features = cpu::Cpuid(cpu::kLeafFeatures).ecx;
  if ((features & cpu::kFeaturesEcxXsave) == 0) return;
  cpu::WriteCr4(cpu::ReadCr4() | cpu::kCr4Osxsave);
  if ((features & cpu::kFeaturesEcxAvx) == 0) return;
  // AVX-512's three parts go together (SDM volume 1, §15.2).
  constexpr uint64_t kAvx512 = 0xE0;
  uint64_t supported = cpu::Cpuid(cpu::kLeafExtendedState).eax;
  uint64_t state = kX87AndSseAndAvx;
  if ((supported & kAvx512) == kAvx512) state |= kAvx512;
  cpu::WriteXcr0(state);
  vector_state_size = cpu::Cpuid(cpu::kLeafExtendedState).ebx;
  vector_state_extended = true;
}

}  // namespace ebbrt
