#include "common/shared_future.h"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

#include "common/event_manager.h"
#include "common/run_on.h"
#include "common/when_all.h"
#include "platform/core.h"

namespace ebbrt {
namespace {

TEST(SharedFuture, EveryForkGetsTheValueBeforeAndAfter) {
  Promise<std::string> promise;
  SharedFuture<std::string> shared(promise.GetFuture());
  SharedFuture<std::string> copy = shared;
  auto early = shared.Fork();
  std::string seen;
  auto done = copy.Fork().Then([&](std::string value) { seen = value; });
  EXPECT_FALSE(early.Ready());
  promise.SetValue("x");
  EXPECT_EQ(seen, "x");
  EXPECT_EQ(early.Get(), "x");
  EXPECT_EQ(copy.Fork().Get(), "x");
}

TEST(SharedFuture, EveryForkGetsTheError) {
  Promise<int> promise;
  SharedFuture<int> shared(promise.GetFuture());
  auto early = shared.Fork();
  promise.SetException(std::make_exception_ptr(std::runtime_error("no")));
  EXPECT_THROW(early.Get(), std::runtime_error);
  EXPECT_THROW(shared.Fork().Get(), std::runtime_error);
  EXPECT_THROW(shared.Fork().Get(), std::runtime_error);
}

TEST(SharedFuture, OfNothing) {
  Promise<> promise;
  SharedFuture<> shared(promise.GetFuture());
  auto early = shared.Fork();
  EXPECT_FALSE(early.Ready());
  promise.SetValue();
  early.Get();
  shared.Fork().Get();
}

TEST(SharedFuture, AForkThatIsDroppedCostsTheOthersNothing) {
  Promise<int> promise;
  SharedFuture<int> shared(promise.GetFuture());
  { auto dropped = shared.Fork(); }
  auto kept = shared.Fork();
  shared = {};
  promise.SetValue(3);
  EXPECT_EQ(kept.Get(), 3);
}

TEST(SharedFuture, IsForkedOnEveryCore) {
  Promise<int> promise;
  SharedFuture<int> shared(promise.GetFuture());
  std::vector<Future<int>> sums;
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    sums.push_back(RunOn(core, [shared, core] {
      int value = shared.Fork().Get();
      EXPECT_EQ(platform::CurrentCore(), core);
      return value + static_cast<int>(core);
    }));
  }
  SleepFor(std::chrono::milliseconds(1)).Get();
  promise.SetValue(10);
  auto values = WhenAll(std::move(sums)).Get();
  for (size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(values[i], 10 + static_cast<int>(i));
  }
}

}  // namespace
}  // namespace ebbrt
