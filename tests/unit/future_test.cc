#include "common/future.h"

#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>

#include "common/event_manager.h"
#include "platform/core.h"

namespace ebbrt {
namespace {

using namespace std::chrono_literals;

TEST(Future, ThenSeesTheValueAtOnceOnTheSameCore) {
  Promise<int> promise;
  int seen = 0;
  auto done = promise.GetFuture().Then([&](int value) { seen = value; });
  EXPECT_EQ(seen, 0);
  promise.SetValue(42);
  EXPECT_EQ(seen, 42);
  EXPECT_TRUE(done.Ready());
}

TEST(Future, ThenOfAReadyFutureRunsInside) {
  bool ran = false;
  auto done =
      MakeReadyFuture(std::string("x")).Then([&](std::string) { ran = true; });
  EXPECT_TRUE(ran);
}

TEST(Future, MayBeTakenAfterTheValueWasSet) {
  Promise<int> promise;
  EXPECT_TRUE(promise.Valid());
  promise.SetValue(42);
  EXPECT_FALSE(promise.Valid());
  EXPECT_EQ(promise.GetFuture().Get(), 42);

  Promise<> failed;
  failed.SetException(std::make_exception_ptr(std::runtime_error("no")));
  EXPECT_THROW(failed.GetFuture().Get(), std::runtime_error);
}

TEST(Future, APromiseMayEndWhileItsValueIsBeingSet) {
  auto promise = std::make_unique<Promise<int>>();
  int seen = 0;
  auto done = promise->GetFuture().Then([&](int value) {
    promise.reset();
    seen = value;
  });
  promise->SetValue(42);
  EXPECT_EQ(seen, 42);
}

TEST(Future, ThenUnwrapsFutures) {
  Promise<int> inner;
  auto outer = MakeReadyFuture().Then([&] { return inner.GetFuture(); });
  EXPECT_FALSE(outer.Ready());
  inner.SetValue(3);
  EXPECT_EQ(outer.Get(), 3);
}

TEST(Future, ErrorsPassThenAndReachFinally) {
  Promise<int> promise;
  bool then_ran = false;
  std::string what;
  auto done = promise.GetFuture()
                  .Then([&](int) { then_ran = true; })
                  .Finally([&](Future<> ready) {
                    try {
                      ready.Get();
                    } catch (const std::exception& error) {
                      what = error.what();
                    }
                  });
  promise.SetException(std::make_exception_ptr(std::runtime_error("no")));
  EXPECT_FALSE(then_ran);
  EXPECT_EQ(what, "no");
  EXPECT_FALSE(done.Failed());
}

TEST(Future, AContinuationThatThrowsFailsItsFuture) {
  auto failed = MakeReadyFuture(1).Then(
      [](int) -> int { throw std::out_of_range("thrown"); });
  EXPECT_TRUE(failed.Failed());
  EXPECT_THROW(failed.Get(), std::out_of_range);
}

TEST(Future, ADroppedPromiseBreaksIt) {
  Future<int> future;
  { future = Promise<int>().GetFuture(); }
  EXPECT_THROW(future.Get(), BrokenPromise);
}

TEST(Future, MovesValuesThatCannotBeCopied) {
  Promise<std::unique_ptr<int>> promise;
  auto future = promise.GetFuture().Then(
      [](std::unique_ptr<int> value) { return value; });
  promise.SetValue(std::make_unique<int>(5));
  EXPECT_EQ(*future.Get(), 5);
}

TEST(Future, GetBlocksTheEventNotTheCore) {
  Promise<int> promise;
  bool other_ran = false;
  EventManager::Spawn([&] { other_ran = true; });
  EventManager::Spawn([&] { promise.SetValue(9); });
  EXPECT_EQ(promise.GetFuture().Get(), 9);
  EXPECT_TRUE(other_ran);
}

TEST(Future, ContinuationRunsOnTheCoreThatAttachedIt) {
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    Promise<> promise;
    auto where =
        promise.GetFuture().Then([] { return platform::CurrentCore(); });
    EventManager::SpawnRemote(
        [promise = std::move(promise)]() mutable { promise.SetValue(); }, core);
    EXPECT_EQ(where.Get(), 0u);
  }
}

TEST(Future, ManyCoresRaceToFulfil) {
  constexpr int kRounds = 200;
  for (int i = 0; i < kRounds; ++i) {
    CoreId core = i % platform::CoreCount();
    Promise<int> promise;
    auto future = promise.GetFuture();
    EventManager::SpawnRemote(
        [i, promise = std::move(promise)]() mutable { promise.SetValue(i); },
        core);
    EXPECT_EQ(future.Get(), i);
  }
}

Future<int> Add(Future<int> a, Future<int> b) {
  int first = co_await std::move(a);
  co_return first + co_await std::move(b);
}

Future<> FailAfterWaiting() {
  co_await SleepFor(1ms);
  throw std::runtime_error("from a coroutine");
}

TEST(Coroutine, AwaitsFutures) {
  Promise<int> later;
  auto sum = Add(MakeReadyFuture(1), later.GetFuture());
  EXPECT_FALSE(sum.Ready());
  later.SetValue(2);
  EXPECT_EQ(sum.Get(), 3);
}

TEST(Coroutine, ErrorsTravel) {
  EXPECT_THROW(FailAfterWaiting().Get(), std::runtime_error);
  EXPECT_THROW(
      Add(MakeFailedFuture<int>(std::out_of_range("x")), MakeReadyFuture(1))
          .Get(),
      std::out_of_range);
}

}  // namespace
}  // namespace ebbrt
