// The first core's way from the entry point to its event loop (docs/boot.md).

#include <new>

#include "common/event_manager.h"
#include "common/runtime.h"
#include "native/boot_chart.h"
#include "native/console_line.h"
#include "native/core_block.h"
#include "native/idt.h"
#include "native/image.h"
#include "native/io_apic.h"
#include "native/local_apic.h"
#include "native/numa.h"
#include "native/page_allocator.h"
#include "native/paging.h"
#include "native/platform_info.h"
#include "native/smp.h"
#include "native/time_source.h"
#include "platform/core.h"
#include "platform/runtime_port.h"

namespace ebbrt {
namespace {

/// Exceptions are reported from here on.
void BootProcessor() {
  constexpr uint32_t kNotKnownYet = 0;
  CoreBlockInit(first_core_block, 0, kNotKnownYet);
  LoadSegments(first_core_block);
  IdtInit();
  LoadIdt();
}

void BootMemory() {
  PageAllocator::Init({Platform().memory.begin(), Platform().memory.Size()});
  PagingInit({Platform().memory.begin(), Platform().memory.Size()});
}

/// From here on the heap, per-core variables and thread_locals may be used.
void BootCores() {
  DiscoverPlatform();
  NumaInit();
  PrepareCores();
  first_core_block.thread_pointer = MakeThreadLocalBlock();
  LoadThreadPointer(first_core_block.thread_pointer);
  EnableVectorState();
}

void BootInterruptsAndTime() {
  LocalApicInit();
  LocalApicEnable();
  IoApicInit();
  ClockInit();
  TimerInit();
}

/// They live as long as the machine.
void MakeEventManagers() {
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    new EventManager(core);
  }
}

void RunConstructors() {
  for (auto* constructor = init_array_begin; constructor != init_array_end;
       ++constructor) {
    (*constructor)();
  }
}

void FirstEvent() {
  RecordStage("first event");
  try {
    runtime::SetBoot(BootArguments::Parse(Platform().command_line));
  } catch (const BadBootArgument& error) {
    ConsoleLine().Text("ebbrt: ").Text(error.what());
    platform::Exit(runtime::kNodeFailed);
  }
  PrintBootChart();
  runtime::Main();
}

}  // namespace

/// Called by entry.S on the boot stack over the boot page tables, which map the
/// first gigabyte; interrupts are off. Nothing can be delivered before the first
/// event runs, so constructors have their word before any message.
extern "C" [[noreturn]] void EbbrtBoot(const PvhStartInfo* info) {
  RecordStage("entered");
  BootProcessor();
  ReadStartInfo(*info);
  BootMemory();
  RecordStage("memory");
  BootCores();
  RecordStage("cores");
  BootInterruptsAndTime();
  RecordStage("clock");
  MakeEventManagers();
  RunConstructors();
  RecordStage("constructors");
  StartSecondaryCores();
  EventManager::Of(0).SpawnLocal([] { FirstEvent(); });
  EventManager::Of(0).Run();
  __builtin_unreachable();
}

}  // namespace ebbrt
