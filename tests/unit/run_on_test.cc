// Functions on other cores, and what comes back.
#include "common/run_on.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <utility>

#include "common/timer.h"
#include "platform/core.h"

namespace ebbrt {
namespace {

using namespace std::chrono_literals;

CoreId LastCore() { return static_cast<CoreId>(platform::CoreCount() - 1); }

TEST(RunOn, GivesBackValuesOfEveryKind) {
  auto where = RunOn(LastCore(), [] { return platform::CurrentCore(); });
  EXPECT_EQ(where.Get(), LastCore());
  RunOn(LastCore(), [] {}).Get();
  // Moved there and back.
  auto pointer = std::make_unique<int>(3);
  auto back = RunOn(LastCore(), [pointer = std::move(pointer)]() mutable {
    return std::move(pointer);
  });
  EXPECT_EQ(*back.Get(), 3);
  // It may block, and may give a future.
  auto later = RunOn(LastCore(), [] {
    SleepFor(1ms).Get();
    return SleepFor(1ms).Then([] { return 5; });
  });
  EXPECT_EQ(later.Get(), 5);
}

TEST(RunOn, GivesBackErrors) {
  auto failed =
      RunOn(LastCore(), []() -> int { throw std::out_of_range("no"); });
  EXPECT_THROW(failed.Get(), std::out_of_range);
}

TEST(RunOn, EveryCoreRunsItOnce) {
  std::atomic<uint64_t> cores = 0;
  RunOnEveryCore([&] {
    cores += uint64_t{1} << platform::CurrentCore();
  }).Get();
  EXPECT_EQ(cores, (uint64_t{1} << platform::CoreCount()) - 1);
}

TEST(RunOn, AFailureIsToldWhenAllAreDone) {
  std::atomic<size_t> ran = 0;
  auto failed = RunOnEveryCore([&] {
    ++ran;
    if (platform::CurrentCore() == 0) throw std::runtime_error("core 0");
  });
  EXPECT_THROW(failed.Get(), std::runtime_error);
  EXPECT_EQ(ran, platform::CoreCount());
}

}  // namespace
}  // namespace ebbrt
