// What C and POSIX ask of a process: the node is the only one.

#include <cerrno>
#include <csignal>
#include <cstring>
#include <link.h>
#include <unistd.h>

#include "common/runtime.h"
#include "native/backtrace.h"
#include "native/console_line.h"
#include "native/context.h"
#include "native/libc/signals.h"
#include "native/cpu.h"
#include "native/page_allocator.h"
#include "native/page_info.h"
#include "native/power.h"
#include "platform/core.h"
#include "platform/runtime_port.h"

extern "C" const ElfW(Ehdr) __ehdr_start;  // the linker's, at image_begin

namespace ebbrt::libc {
bool (*handle_signal)(int signal) = nullptr;
}

namespace {

constexpr int kProcessId = 1;
constexpr size_t kMaxEntropy = 256;

/// One word of hardware randomness; the processor may be out of it for a moment
/// (SDM volume 1, §7.3.17.1 asks for ten tries).
bool HardwareRandom(uint64_t& word) {
  constexpr int kTries = 10;
  for (int i = 0; i < kTries; ++i) {
    bool valid;
    asm volatile("rdrand %0" : "=r"(word), "=@ccc"(valid));
    if (valid) return true;
  }
  return false;
}

/// The low bits of time stamps that the host's load has blurred, stirred
/// (splitmix64). Better than nothing, no better than that; told once.
uint64_t WeakRandom() {
  static uint64_t state = [] {
    ebbrt::ConsoleLine().Text(
        "ebbrt: this processor has no RDRAND, so random numbers are guessable; "
        "give the machine a CPU model that has it");
    return ebbrt::cpu::ReadTsc();
  }();
  state += 0x9E3779B97F4A7C15 ^ ebbrt::cpu::ReadTsc();
  uint64_t z = state;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

}  // namespace

extern "C" {

int getpid() { return kProcessId; }

/// Without handlers, the one way in which a signal ends is abort()'s.
int kill(int process, int signal) {
  if (process != kProcessId) {
    errno = ESRCH;
    return -1;
  }
  if (signal < 0 || signal >= NSIG) {
    errno = EINVAL;
    return -1;
  }
  if (signal == 0) return 0;
  auto handle = ebbrt::libc::handle_signal;
  if (handle != nullptr && handle(signal)) return 0;
  // As a shell shows it to those who know signals.
  int code = handle != nullptr ? 128 + signal : ebbrt::kPanicExitCode;
  ebbrt::ConsoleLine().Text("ebbrt: aborted by signal ")
      .Decimal(static_cast<uint64_t>(signal));
  ebbrt::PrintBacktrace(
      reinterpret_cast<uint64_t>(__builtin_return_address(0)));
  // What the program has said before belongs to it.
  if (ebbrt::Context::CanBlock()) {
    ebbrt::runtime::Exit(code);
  }
  ebbrt::platform::Exit(code);
}

void _exit(int code) { ebbrt::runtime::Exit(code); }

long sysconf(int name) {
  switch (name) {
    case _SC_NPROCESSORS_CONF:
    case _SC_NPROCESSORS_ONLN:
      return static_cast<long>(ebbrt::platform::CoreCount());
    case _SC_PAGESIZE:
      return ebbrt::kPageSize;
    case _SC_PHYS_PAGES:
      return static_cast<long>(ebbrt::PageAllocator::Statistics().total);
    case _SC_AVPHYS_PAGES:
      return static_cast<long>(ebbrt::PageAllocator::Statistics().free);
    default:
      errno = EINVAL;
      return -1;
  }
}

int getentropy(void* buffer, size_t size) {
  if (size > kMaxEntropy) {
    errno = EIO;
    return -1;
  }
  static const bool hardware =
      (ebbrt::cpu::Cpuid(ebbrt::cpu::kLeafFeatures).ecx &
       ebbrt::cpu::kFeaturesEcxRdrand) != 0;
  auto* at = static_cast<char*>(buffer);
  while (size > 0) {
    uint64_t word;
    if (!hardware || !HardwareRandom(word)) word = WeakRandom();
    size_t count = size < sizeof(word) ? size : sizeof(word);
    std::memcpy(at, &word, count);
    at += count;
    size -= count;
  }
  return 0;
}

int dl_iterate_phdr(int (*callback)(dl_phdr_info*, size_t, void*), void* data) {
  dl_phdr_info info{};
  info.dlpi_name = "";
  info.dlpi_phdr = reinterpret_cast<const ElfW(Phdr)*>(
      reinterpret_cast<const char*>(&__ehdr_start) + __ehdr_start.e_phoff);
  info.dlpi_phnum = __ehdr_start.e_phnum;
  return callback(&info, sizeof(info), data);
}

}  // extern "C"
