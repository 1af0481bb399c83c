#include "common/deadline.h"

#include <gtest/gtest.h>

#include <chrono>
#include <stdexcept>
#include <string>

namespace ebbrt {
namespace {

using namespace std::chrono_literals;

TEST(WithDeadline, AValueInTimePasses) {
  Promise<int> promise;
  auto future = WithDeadline(promise.GetFuture(), 1h);
  promise.SetValue(3);
  EXPECT_EQ(future.Get(), 3);
  EXPECT_EQ(WithDeadline(MakeReadyFuture(4), 0s).Get(), 4);
}

TEST(WithDeadline, AnErrorInTimePasses) {
  Promise<> promise;
  auto future = WithDeadline(promise.GetFuture(), 1h);
  promise.SetException(std::make_exception_ptr(std::logic_error("no")));
  EXPECT_THROW(future.Get(), std::logic_error);
}

TEST(WithDeadline, WhatIsLateFailsAndItsValueIsDropped) {
  Promise<int> promise;
  auto future = WithDeadline(promise.GetFuture(), 2ms);
  try {
    future.Get();
    FAIL() << "did not throw";
  } catch (const DeadlineExceeded& error) {
    EXPECT_STREQ(error.what(), "no answer within 2 ms");
  }
  promise.SetValue(3);  // to nobody
}

TEST(WithDeadline, NothingIsLeftBehind) {
  auto alive = std::make_shared<int>(1);
  {
    Promise<std::shared_ptr<int>> promise;
    auto future = WithDeadline(promise.GetFuture(), 1h);
    promise.SetValue(alive);
    EXPECT_EQ(future.Get(), alive);
  }
  EXPECT_EQ(alive.use_count(), 1);
  {
    Promise<std::shared_ptr<int>> promise;
    auto future = WithDeadline(promise.GetFuture(), 1ms);
    EXPECT_THROW(future.Get(), DeadlineExceeded);
    promise.SetValue(alive);
  }
  EXPECT_EQ(alive.use_count(), 1);
}

}  // namespace
}  // namespace ebbrt
