#include "native/smp.h"

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>

#include "common/check.h"
#include "common/event_manager.h"
#include "common/timer.h"
#include "native/console_line.h"
#include "native/core_block.h"
#include "native/cpu.h"
#include "native/idt.h"
#include "native/local_apic.h"
#include "native/numa.h"
#include "native/paging.h"
#include "native/platform_info.h"
#include "native/time_source.h"
#include "native/tlb.h"
#include "platform/core.h"
#include "platform/stack.h"

extern "C" {
extern const char trampoline_begin[], trampoline_end[];
extern uint64_t secondary_page_tables;   // entry.S
extern uint64_t* secondary_stack_tops;
}

namespace ebbrt {

namespace platform::detail {
EBBRT_PERCORE CoreId current_core = 0;
size_t core_count = 1;
}  // namespace platform::detail

namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""us;
using std::chrono_literals::operator""s;

// The second page of memory: RAM on every PC, and nothing there is needed once
// the start info was read.
constexpr uint64_t kTrampoline = 0x1000;

std::array<CoreBlock*, kMaxCores> blocks;
std::array<std::atomic<bool>, kMaxCores> arrived;
std::array<uint64_t, kMaxCores> stack_tops;

/// What remains of the start procedure, one step after the other.
class Starter {
 public:
  void Begin() {
    ForMissing(&LocalApicSendInit);
    // Hypervisors have done it when they go on with us.
    bool virtual_machine = (cpu::Cpuid(cpu::kLeafFeatures).ecx &
                            cpu::kFeaturesEcxHypervisor) != 0;
    if (virtual_machine) {
      FirstStartup();
    } else {
      timer_.Start(10ms, [this] { FirstStartup(); });
    }
  }

 private:
  static void Startup(uint32_t apic_id) {
    LocalApicSendStartup(apic_id, kTrampoline);
  }

  static bool ForMissing(void (*send)(uint32_t apic_id)) {
    bool any = false;
    for (CoreId core = 1; core < platform::CoreCount(); ++core) {
      if (arrived[core].load(std::memory_order_acquire)) continue;
      send(blocks[core]->apic_id);
      any = true;
    }
    return any;
  }

  void FirstStartup() {
    ForMissing(&Startup);
    timer_.Start(200us, [this] { SecondStartup(); });
  }

  void SecondStartup() {
    if (ForMissing(&Startup)) timer_.Start(30s, [] { Verify(); });
  }

  static void Verify() {
    bool missing = ForMissing([](uint32_t apic_id) {
      ConsoleLine().Text("ebbrt: the core with local APIC id ")
          .Decimal(apic_id).Text(" did not start");
    });
    EBBRT_CHECK(!missing, "a core that the firmware lists did not start");
  }

  Timer timer_;
};

CoreBlock& MakeBlock(CoreId core, uint32_t apic_id) {
  constexpr size_t kPages = (sizeof(CoreBlock) + kPageSize - 1) / kPageSize;
  auto* block = static_cast<CoreBlock*>(
      PageAllocator::Own().AllocateOn(NumaNodeOf(core), kPages));
  EBBRT_CHECK(block != nullptr, "there is no memory for another core");
  CoreBlockInit(*block, core, apic_id);
  MakeInterruptStacks(*block);
  block->page_tables = MakeCorePageTables(core);
  block->thread_pointer = MakeThreadLocalBlock();
  return *block;
}

CoreBlock& OwnBlock() {
  uint32_t apic_id = LocalApicId();
  for (CoreId core = 1; core < platform::CoreCount(); ++core) {
    if (blocks[core]->apic_id == apic_id) return *blocks[core];
  }
  EBBRT_CHECK(false, "a core started that the firmware does not list");
  __builtin_unreachable();
}

}  // namespace

uint32_t ApicIdOf(CoreId core) { return blocks[core]->apic_id; }

void PrepareCores() {
  const auto& apic_ids = Platform().apic_ids;
  blocks[0] = &first_core_block;
  first_core_block.apic_id = apic_ids[0];
  first_core_block.page_tables = cpu::ReadCr3();
  MakeInterruptStacks(first_core_block);
  for (CoreId core = 1; core < apic_ids.Size(); ++core) {
    blocks[core] = &MakeBlock(core, apic_ids[core]);
  }
  platform::detail::core_count = apic_ids.Size();
}

void StartSecondaryCores() {
  if (platform::CoreCount() == 1) return;
  std::memcpy(reinterpret_cast<void*>(kTrampoline), trampoline_begin,
              trampoline_end - trampoline_begin);
  secondary_page_tables = first_core_block.page_tables;
  secondary_stack_tops = stack_tops.data();
  for (CoreId core = 1; core < platform::CoreCount(); ++core) {
    platform::Stack stack = platform::AllocateStack();
    stack_tops[core - 1] =
        reinterpret_cast<uint64_t>(stack.lowest) + stack.size;
  }
  static Starter starter;
  starter.Begin();
}

/// A secondary core's first C++, on its first stack, over core 0's page tables
/// (entry.S). Its own per-core variables come with its own tables.
extern "C" [[noreturn]] void EbbrtSecondary() {
  CoreBlock& block = OwnBlock();
  cpu::WriteCr3(block.page_tables);
  platform::detail::current_core = block.id;
  LoadSegments(block);
  LoadIdt();
  JoinTlbFlushes();
  LoadThreadPointer(block.thread_pointer);
  NumaJoin();
  EnableVectorState();
  LocalApicEnable();
  ClockInitSecondary();
  TimerInit();
  arrived[block.id].store(true, std::memory_order_release);
  EventManager::Of(block.id).Run();
  __builtin_unreachable();
}

}  // namespace ebbrt
