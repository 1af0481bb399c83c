// What the loops of Linux processes count besides their events.
#include <gtest/gtest.h>

#include <chrono>

#include "common/event_manager.h"
#include "common/future.h"
#include "common/timer.h"
#include "platform/core.h"

namespace ebbrt {
namespace {

using namespace std::chrono_literals;

TEST(LoopCounts, TimersAndWhoWaits) {
  auto before = event_manager->Count();
  ASSERT_TRUE(before.counts_more);
  EventContext context;
  EventManager::Spawn([&context] { event_manager->SaveContext(context); });
  SleepFor(1ms).Get();
  auto after = event_manager->Count();
  EXPECT_GE(after.timers, before.timers + 1);
  EXPECT_EQ(after.blocked, before.blocked + 1);
  EventManager::ActivateContext(context);
  SleepFor(1ms).Get();
  EXPECT_EQ(event_manager->Count().blocked, before.blocked);
}

TEST(LoopCounts, EventsThatOthersSend) {
  if (platform::CoreCount() == 1) GTEST_SKIP() << "there is no other core";
  auto before = event_manager->Count();
  Promise<> sent;
  EventManager::SpawnRemote(
      [&sent, here = platform::CurrentCore()] {
        for (int i = 0; i < 10; ++i) EventManager::SpawnRemote([] {}, here);
        sent.SetValue();
      },
      1);
  sent.GetFuture().Get();
  SleepFor(1ms).Get();
  EXPECT_GE(event_manager->Count().remote, before.remote + 10);
}

}  // namespace
}  // namespace ebbrt
