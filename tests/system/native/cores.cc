// Checks on every core that it has booted into the state all code relies on, and
// says "cores N ok"; the first thing that isn't so is named, and the exit code is
// not 0. test_boot.py boots it with several numbers of cores.

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "common/ebb_ref.h"
#include "common/event_manager.h"
#include "common/future.h"
#include "common/per_core_ebb.h"
#include "common/run_on.h"
#include "common/runtime.h"
#include "native/percore.h"
#include "platform/core.h"
#include "platform/log.h"
#include "require.h"

namespace {

using ebbrt::CoreId;
using ebbrt::platform::CurrentCore;
using ebbrt_test::Require;
using namespace std::chrono_literals;

thread_local uint64_t thread_variable = 7;
EBBRT_PERCORE uint64_t core_variable = 11;
int constructed = 0;
struct Constructed {
  Constructed() { constructed = 5; }
} constructor;

void CheckConstructors() {
  Require(constructed == 5, "a global constructor has not run");
}

void CheckVariables() {
  Require(thread_variable == 7, "a thread_local is not as initialised");
  Require(core_variable == 11, "a per-core variable is not as initialised");
  thread_variable += CurrentCore();
  core_variable += CurrentCore();
}

void CheckVariablesAgain() {
  Require(thread_variable == 7 + CurrentCore(),
          "a thread_local is shared between cores");
  Require(core_variable == 11 + CurrentCore(),
          "a per-core variable is shared between cores");
}

void CheckControlWords() {
  uint16_t x87;
  uint32_t mxcsr;
  asm volatile("fnstcw %0; stmxcsr %1" : "=m"(x87), "=m"(mxcsr));
  constexpr uint32_t kSseStatus = 0x3F;
  Require(x87 == 0x37F, "the x87 control word is " + std::to_string(x87));
  Require((mxcsr & ~kSseStatus) == 0x1F80, "MXCSR is " + std::to_string(mxcsr));
  volatile long double third = 1.0L / 3;
  Require(third * 3 == 1.0L, "x87 does not round to 64 bits");
}

[[gnu::noinline]] void ThrowDeep(int depth) {
  if (depth == 0) throw std::runtime_error("from core");
  ThrowDeep(depth - 1);
  asm volatile("");
}

/// All cores throw at once: unwinding must not share state.
void CheckExceptions() {
  static std::atomic<size_t> here;
  ++here;
  while (here < ebbrt::platform::CoreCount()) ebbrt::platform::CpuRelax();
  for (int i = 0; i < 200; ++i) {
    bool caught = false;
    try {
      ThrowDeep(i % 10);
    } catch (const std::runtime_error& error) {
      caught = std::string("from core") == error.what();
    }
    Require(caught, "an exception was lost");
  }
}

/// Blocks of many sizes, filled, given to the next core and freed there.
void CheckHeap() {
  static std::mutex mutex;
  static std::vector<std::vector<uint8_t>> exchange;
  uint8_t mark = static_cast<uint8_t>(CurrentCore() + 1);
  for (size_t size = 1; size < 200'000; size = size * 5 / 4 + 1) {
    std::vector<uint8_t> block(size, mark);
    std::lock_guard guard(mutex);
    std::swap(block, exchange.emplace_back());
    if (exchange.size() < 16) continue;
    std::vector<uint8_t> other = std::move(exchange.front());
    exchange.erase(exchange.begin());
    for (uint8_t byte : other) {
      Require(byte == other[0], "two blocks of the heap overlap");
    }
  }
}

void CheckTimer() {
  auto before = ebbrt::Clock::now();
  ebbrt::SleepFor(20ms).Get();
  auto slept = ebbrt::Clock::now() - before;
  Require(slept >= 20ms, "a timer came too early");
  Require(slept < 5s, "a timer came much too late");
}

/// Time must not go back when it is asked on one core after another.
void CheckClock() {
  static std::mutex mutex;
  static ebbrt::Clock::time_point latest;
  for (int i = 0; i < 1000; ++i) {
    std::lock_guard guard(mutex);
    auto now = ebbrt::Clock::now();
    Require(now >= latest, "the clock went back between cores");
    latest = now;
  }
}

struct Root {};
struct Counter : ebbrt::PerCoreEbb<Counter, Root> {
  explicit Counter(Root&) {}
  CoreId made_on = CurrentCore();
};
constexpr ebbrt::EbbRef<Counter> counter{ebbrt::ApplicationEbbId(1)};

void CheckEbb() {
  Require(counter->made_on == CurrentCore(),
          "a core sees another's representative");
}

void CheckThreads() {
  std::mutex mutex;
  std::condition_variable changed;
  int turn = 0;
  constexpr int kThreads = 6, kRounds = 50;
  std::vector<std::thread> threads;
  for (int me = 0; me < kThreads; ++me) {
    threads.emplace_back([&, me] {
      for (int round = 0; round < kRounds; ++round) {
        std::unique_lock lock(mutex);
        changed.wait(lock, [&] { return turn % kThreads == me; });
        ++turn;
        changed.notify_all();
      }
    });
  }
  for (auto& thread : threads) thread.join();
  Require(turn == kThreads * kRounds, "threads lost a turn");
}

}  // namespace

void ebbrt::AppMain() {
  try {
    CheckConstructors();
    ebbrt::RunOnEveryCore(CheckVariables).Get();
    ebbrt::RunOnEveryCore(CheckVariablesAgain).Get();
    ebbrt::RunOnEveryCore(CheckControlWords).Get();
    ebbrt::RunOnEveryCore(CheckExceptions).Get();
    ebbrt::RunOnEveryCore(CheckHeap).Get();
    ebbrt::RunOnEveryCore(CheckTimer).Get();
    ebbrt::RunOnEveryCore(CheckClock).Get();
    ebbrt::RunOnEveryCore(CheckEbb).Get();
    CheckThreads();
  } catch (const std::exception& error) {
    platform::WriteConsole("failed: " + std::string(error.what()) + "\n");
    runtime::Exit(1);
  }
  platform::WriteConsole("cores " + std::to_string(platform::CoreCount()) +
                         " ok\n");
  runtime::Exit(0);
}
