// Compiled without vector registers (CMakeLists.txt): it runs in NMIs.
#include "native/tlb.h"

#include <array>
#include <atomic>
#include <mutex>

#include "common/spin_lock.h"
#include "native/cpu.h"
#include "native/local_apic.h"
#include "native/page_info.h"
#include "native/platform_info.h"
#include "native/smp.h"
#include "platform/core.h"

namespace ebbrt {
namespace {

// More pages than this are forgotten faster all at once.
constexpr uint64_t kMaxSinglePages = 32;

struct Core {
  std::atomic<bool> joined{false};
  std::atomic<bool> asked{false};
};

// Core 0 is there from the start.
std::array<Core, kMaxCores> cores;

SpinLock lock;  // one request at a time; guards:
uint64_t range_begin, range_size;
std::atomic<uint32_t> unanswered;

void FlushOwn(uint64_t begin, uint64_t size) {
  if (size > kMaxSinglePages * kPageSize) {
    cpu::WriteCr3(cpu::ReadCr3());
    return;
  }
  for (uint64_t at = begin; at < begin + size; at += kPageSize) {
    cpu::InvalidatePage(at);
  }
}

}  // namespace

void FlushTlb(uint64_t begin, uint64_t size) {
  FlushOwn(begin, size);
  if (platform::CoreCount() == 1) return;
  std::lock_guard guard(lock);
  range_begin = begin;
  range_size = size;
  // A core that joins after this look reads the tables as they are now.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    if (core == platform::CurrentCore()) continue;
    if (core != 0 && !cores[core].joined.load()) continue;
    unanswered.fetch_add(1);
    cores[core].asked.store(true);
    LocalApicSendNmi(ApicIdOf(core));
  }
  while (unanswered.load() != 0) platform::CpuRelax();
}

void JoinTlbFlushes() {
  cores[platform::CurrentCore()].joined.store(true);
  cpu::WriteCr3(cpu::ReadCr3());
}

bool AnswerTlbFlush() {
  if (!cores[platform::CurrentCore()].asked.exchange(false)) return false;
  FlushOwn(range_begin, range_size);
  unanswered.fetch_sub(1);
  return true;
}

}  // namespace ebbrt
