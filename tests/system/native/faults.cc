// One way to die for each argument; test_faults.py says how each must end.
// A case that returns has failed: the program says "survived" and exits 0.

#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cassert>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>

#include "common/check.h"
#include "common/event_manager.h"
#include "common/run_on.h"
#include "common/runtime.h"
#include "native/core_block.h"
#include "native/cpu.h"
#include "native/page_table.h"
#include "native/platform_info.h"
#include "native/stack_region.h"
#include "native/virtual_memory.h"
#include "platform/core.h"
#include "platform/log.h"

namespace {

using ebbrt::platform::WriteConsole;

volatile int forty_two = 42;

[[gnu::noinline]] void Write(uintptr_t address) {
  *reinterpret_cast<volatile int*>(address) = 1;
}

[[gnu::noinline]] int Read(uintptr_t address) {
  return *reinterpret_cast<volatile int*>(address);
}

void WriteToNull() { Write(0x10); }
void ReadFromNull() { Read(0); }
void WriteToText() { Write(reinterpret_cast<uintptr_t>(&WriteToNull)); }
void WriteToConstant() { Write(reinterpret_cast<uintptr_t>("a constant")); }

/// Each call needs more stack than the one before; the compiler must not see
/// that it never ends.
[[gnu::noinline]] int RunOutOfStack(int depth) {
  volatile char room[512];
  room[0] = static_cast<char>(depth);
  if (depth == -1) return room[0];
  return RunOutOfStack(depth + 1) + room[0];
}
void OverflowStack() { RunOutOfStack(0); }

/// The end of the stack that the caller runs on, one of the region.
uintptr_t StackEnd() {
  return (ebbrt::StackPointer() & ~(ebbrt::StackSlot() - 1)) +
         ebbrt::kContextSize + ebbrt::GuardSize();
}

/// As a function with a large array does: it doesn't touch the page below the
/// stack, but the one that is beyond.
[[gnu::noinline]] void ReachOverAPage() {
  auto here = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  auto* room = static_cast<volatile char*>(
      __builtin_alloca(here - StackEnd() + ebbrt::kPageSize * 3 / 2));
  *room = 1;
}

/// Constructors run on the boot stack.
const struct OverflowsBootStack {
  OverflowsBootStack() {
    auto line = ebbrt::Platform().command_line;
    if (line.find("overflow-boot-stack") != line.npos) OverflowStack();
  }
} overflows_boot_stack;

void OverflowInterruptStack(ebbrt::InterruptStack stack) {
  const auto& task = ebbrt::first_core_block.task_state;
  uint64_t top = task.interrupt_stacks[static_cast<unsigned>(stack) - 1];
  asm volatile("mov %0, %%rsp; call *%1"
               :
               : "r"(top), "r"(&OverflowStack)
               : "memory");
}

[[gnu::noinline]] void Execute(void* code) {
  reinterpret_cast<void (*)()>(code)();
  asm volatile("");  // no tail call: this frame has to be in the backtrace
}

void ExecuteData() {
  static unsigned char ret[] = {0xC3};
  Execute(ret);
}
void ExecuteHeap() {
  auto* ret = static_cast<unsigned char*>(std::malloc(16));
  *ret = 0xC3;
  Execute(ret);
}
void ExecuteNull() { Execute(nullptr); }
void ExecuteConstant() {
  static const volatile unsigned char ret[] = {0xC3};
  Execute(const_cast<unsigned char*>(ret));
}
void ExecuteStack() {
  volatile unsigned char ret[] = {0xC3};
  Execute(const_cast<unsigned char*>(ret));
}

/// Could it be written, code could be made writable.
void WriteToPageTable(unsigned level) {
  auto text = reinterpret_cast<uint64_t>(&WriteToText);
  auto* table = reinterpret_cast<ebbrt::PageTable*>(ebbrt::cpu::ReadCr3());
  for (unsigned at = ebbrt::kTopLevel; at > level; --at) {
    table = table->Entry(text, at).Table();
  }
  Write(reinterpret_cast<uintptr_t>(&table->Entry(text, level)));
}

void WriteToInterruptTable() {
  struct [[gnu::packed]] {
    uint16_t limit;
    uint64_t base;
  } pointer;
  asm volatile("sidt %0" : "=m"(pointer));
  Write(pointer.base);
}

void BreakInvariant() { EBBRT_CHECK(forty_two == 43, "the number is wrong"); }
void Assert() { assert(forty_two == 43); }
void Abort() { std::abort(); }
[[gnu::noinline]] void ThrowAway() {
  throw std::runtime_error("nobody catches this");
}
void Terminate() noexcept { ThrowAway(); }

/// The report itself faults when it walks a stack that isn't there.
void LoseStack() {
  asm volatile("mov $0x7000000000, %%rsp; ud2" : : : "memory");
}

/// No stack to push a fault's frame on would be a double fault without stacks of
/// their own for exceptions.
void PushToNowhere() {
  asm volatile("mov $0x7000000000, %%rsp; push %%rax" : : : "memory");
}

void RunCase(const std::string& name);

/// The case that the second argument names, there.
void FaultOnLastCore() {
  auto last = static_cast<ebbrt::CoreId>(ebbrt::platform::CoreCount() - 1);
  ebbrt::EventManager::SpawnRemote(
      [] { RunCase(ebbrt::runtime::Arguments().at(1)); }, last);
  ebbrt::EventContext never;
  ebbrt::event_manager->SaveContext(never);
}

void WriteToReserved() {
  Write(reinterpret_cast<uintptr_t>(ebbrt::virtual_memory->Reserve(1 << 20)));
}

void WriteToReadOnlyRegion() {
  void* region = ebbrt::virtual_memory->Reserve(1 << 20);
  ebbrt::virtual_memory->Commit(region, 1 << 20, ebbrt::Access::kRead);
  Write(reinterpret_cast<uintptr_t>(region));
}

void ExecuteWritableRegion() {
  void* region = ebbrt::virtual_memory->Reserve(4096);
  ebbrt::virtual_memory->Commit(region, 4096, ebbrt::Access::kReadWrite);
  *static_cast<unsigned char*>(region) = 0xC3;
  Execute(region);
}

void ReadFromReleased() {
  void* region = ebbrt::virtual_memory->Reserve(1 << 20);
  ebbrt::virtual_memory->Commit(region, 1 << 20, ebbrt::Access::kReadWrite);
  Write(reinterpret_cast<uintptr_t>(region));
  ebbrt::virtual_memory->Release(region, 1 << 20);
  Read(reinterpret_cast<uintptr_t>(region));
}

void ThrowFromPageFault() {
  void* region = ebbrt::virtual_memory->Reserve(
      4096, 4096, [](const ebbrt::PageFault&) -> bool {
        throw std::runtime_error("no page");
      });
  Read(reinterpret_cast<uintptr_t>(region));
}

void ExhaustDemand() {
  constexpr size_t kSize = size_t{1} << 40;
  void* region = ebbrt::virtual_memory->Reserve(kSize);
  ebbrt::virtual_memory->CommitOnDemand(region, kSize,
                                        ebbrt::Access::kReadWrite);
  for (size_t at = 0; at < kSize; at += 4096) {
    Write(reinterpret_cast<uintptr_t>(region) + at);
  }
}

/// The handler needs stack, of which there's hardly any left: it's told apart
/// from a fault of the region.
void FaultAtTheStackEnd() {
  static void* region = ebbrt::virtual_memory->Reserve(
      4096, 4096, [](const ebbrt::PageFault&) { return true; });
  asm volatile("mov %0, %%rsp; mov (%1), %%rax"
               :
               : "r"(StackEnd() + 256), "r"(region)
               : "memory");
}

void FreeTwice() {
  void* volatile block = std::malloc(100'000);  // not to be optimised away
  std::free(block);
  std::free(block);
  asm volatile("");  // no tail call, as above
}

/// One that has a port.
int SocketOfCore0(int type) {
  return ebbrt::RunOn(0,
                      [=] {
                        int fd = socket(AF_INET, type, 0);
                        sockaddr_in any{};
                        any.sin_family = AF_INET;
                        int bound = bind(fd, reinterpret_cast<sockaddr*>(&any),
                                         sizeof any);
                        if (bound != 0) ebbrt::runtime::Exit(1);
                        if (type == SOCK_STREAM && listen(fd, 1) != 0) {
                          ebbrt::runtime::Exit(1);
                        }
                        return fd;
                      })
      .Get();
}

template <int kType>
void NameElsewhere() {
  sockaddr_in name;
  socklen_t size = sizeof name;
  getsockname(SocketOfCore0(kType), reinterpret_cast<sockaddr*>(&name), &size);
  asm volatile("");  // no tail call, as above
}

template <int kType>
void ReadElsewhere() {
  char byte;
  (void)read(SocketOfCore0(kType), &byte, 1);
}

template <int kType>
void WriteElsewhere() {
  (void)write(SocketOfCore0(kType), "x", 1);
  asm volatile("");
}

template <int kType>
void PollElsewhere() {
  pollfd entry{SocketOfCore0(kType), POLLIN, 0};
  poll(&entry, 1, 0);
  asm volatile("");
}

template <int kType>
void CountElsewhere() {
  int have = 0;
  ioctl(SocketOfCore0(kType), FIONREAD, &have);
  asm volatile("");
}

template <int kType>
void CloseElsewhere() {
  close(SocketOfCore0(kType));
  asm volatile("");
}

/// On a core that has no network.
void MakeSocketElsewhere() {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  ebbrt::runtime::Exit(fd == -1 && errno == ENETDOWN ? 0 : 1);
}

const std::map<std::string, std::function<void()>> kCases = {
    {"write-null", WriteToNull},
    {"read-null", ReadFromNull},
    {"write-text", WriteToText},
    {"write-constant", WriteToConstant},
    {"write-table-1", [] { WriteToPageTable(1); }},
    {"write-table-4", [] { WriteToPageTable(4); }},
    {"write-interrupt-table", WriteToInterruptTable},
    {"overflow-stack", OverflowStack},
    {"reach-over-a-page", ReachOverAPage},
    {"overflow-fault-stack",
     [] { OverflowInterruptStack(ebbrt::InterruptStack::kFaults); }},
    {"overflow-disaster-stack",
     [] { OverflowInterruptStack(ebbrt::InterruptStack::kDisasters); }},
    {"overflow-nmi-stack",
     [] { OverflowInterruptStack(ebbrt::InterruptStack::kNmi); }},
    {"execute-data", ExecuteData},
    {"execute-heap", ExecuteHeap},
    {"execute-null", ExecuteNull},
    {"execute-constant", ExecuteConstant},
    {"execute-stack", ExecuteStack},
    {"check", BreakInvariant},
    {"assert", Assert},
    {"abort", Abort},
    {"terminate", Terminate},
    {"lose-stack", LoseStack},
    {"push-to-nowhere", PushToNowhere},
    {"last-core", FaultOnLastCore},
    {"region-empty", WriteToReserved},
    {"region-read-only", WriteToReadOnlyRegion},
    {"region-not-code", ExecuteWritableRegion},
    {"region-released", ReadFromReleased},
    {"region-handler-throws", ThrowFromPageFault},
    {"region-exhausted", ExhaustDemand},
    {"region-no-stack", FaultAtTheStackEnd},
    {"free-twice", FreeTwice},
    {"tcp-name-elsewhere", NameElsewhere<SOCK_STREAM>},
    {"tcp-read-elsewhere", ReadElsewhere<SOCK_STREAM>},
    {"tcp-write-elsewhere", WriteElsewhere<SOCK_STREAM>},
    {"tcp-poll-elsewhere", PollElsewhere<SOCK_STREAM>},
    {"tcp-count-elsewhere", CountElsewhere<SOCK_STREAM>},
    {"tcp-close-elsewhere", CloseElsewhere<SOCK_STREAM>},
    {"udp-name-elsewhere", NameElsewhere<SOCK_DGRAM>},
    {"udp-read-elsewhere", ReadElsewhere<SOCK_DGRAM>},
    {"udp-write-elsewhere", WriteElsewhere<SOCK_DGRAM>},
    {"udp-poll-elsewhere", PollElsewhere<SOCK_DGRAM>},
    {"udp-count-elsewhere", CountElsewhere<SOCK_DGRAM>},
    {"udp-close-elsewhere", CloseElsewhere<SOCK_DGRAM>},
    {"socket-elsewhere", MakeSocketElsewhere},
    {"exit-0", [] { ebbrt::runtime::Exit(0); }},
    {"exit-3", [] { ebbrt::runtime::Exit(3); }},
};

void RunCase(const std::string& name) {
  auto found = kCases.find(name);
  if (found == kCases.end()) {
    WriteConsole("faults: name a case after --\n");
    ebbrt::runtime::Exit(2);
  }
  found->second();
  WriteConsole("survived\n");
  ebbrt::runtime::Exit(0);
}

}  // namespace

void ebbrt::AppMain() {
  const auto& arguments = runtime::Arguments();
  RunCase(arguments.empty() ? "" : arguments[0]);
}
