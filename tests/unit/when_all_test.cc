#include "common/when_all.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/event_manager.h"
#include "common/run_on.h"
#include "platform/core.h"

namespace ebbrt {
namespace {

using namespace std::chrono_literals;

std::exception_ptr Error(const char* what) {
  return std::make_exception_ptr(std::runtime_error(what));
}

TEST(WhenAll, GivesTheValuesInOrderWhateverCameFirst) {
  std::vector<Promise<int>> promises(3);
  std::vector<Future<int>> futures;
  for (auto& promise : promises) futures.push_back(promise.GetFuture());
  auto all = WhenAll(std::move(futures));
  promises[2].SetValue(2);
  promises[0].SetValue(0);
  EXPECT_FALSE(all.Ready());
  promises[1].SetValue(1);
  EXPECT_EQ(all.Get(), (std::vector<int>{0, 1, 2}));
}

TEST(WhenAll, OfNoneIsReady) {
  EXPECT_TRUE(WhenAll(std::vector<Future<int>>()).Get().empty());
  WhenAll(std::vector<Future<>>()).Get();
}

TEST(WhenAll, WaitsForTheRestWhenOneHasFailedAndGivesTheFirstError) {
  std::vector<Promise<>> promises(3);
  std::vector<Future<>> futures;
  for (auto& promise : promises) futures.push_back(promise.GetFuture());
  auto all = WhenAll(std::move(futures));
  promises[2].SetException(Error("the third"));
  promises[1].SetException(Error("the second"));
  EXPECT_FALSE(all.Ready());
  promises[0].SetValue();
  try {
    all.Get();
    FAIL() << "did not throw";
  } catch (const std::runtime_error& error) {
    EXPECT_STREQ(error.what(), "the second");
  }
}

TEST(WhenAll, MovesWhatCannotBeCopied) {
  std::vector<Future<std::unique_ptr<int>>> futures;
  futures.push_back(MakeReadyFuture(std::make_unique<int>(7)));
  EXPECT_EQ(*WhenAll(std::move(futures)).Get().at(0), 7);
}

TEST(WhenAll, OfDifferentTypesGivesATuple) {
  Promise<int> number;
  auto all = WhenAll(number.GetFuture(), MakeReadyFuture(std::string("x")),
                     MakeReadyFuture());
  EXPECT_FALSE(all.Ready());
  number.SetValue(1);
  auto [one, text, nothing] = all.Get();
  EXPECT_EQ(one, 1);
  EXPECT_EQ(text, "x");
}

TEST(WhenAll, GathersFromEveryCore) {
  std::vector<Future<CoreId>> futures;
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    futures.push_back(RunOn(core, [] { return platform::CurrentCore(); }));
  }
  auto cores = WhenAll(std::move(futures)).Get();
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    EXPECT_EQ(cores.at(core), core);
  }
}

}  // namespace
}  // namespace ebbrt
