#include "common/event_manager.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cerrno>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/future.h"
#include "common/timer.h"
#include "platform/core.h"

namespace ebbrt {
namespace {

using namespace std::chrono_literals;

/// Blocks the test's event until the loop has run what was queued before.
void RunQueued() {
  EventContext context;
  EventManager::ActivateContext(context);
  event_manager->SaveContext(context);
}

TEST(EventManager, SpawnRunsLaterInOrder) {
  std::string order;
  EventManager::Spawn([&] { order += 'a'; });
  event_manager->SpawnLocal([&] { order += 'b'; });
  EventManager::SpawnRemote([&] { order += 'c'; }, platform::CurrentCore());
  EXPECT_EQ(order, "") << "an event never runs inside the one that spawned it";
  RunQueued();
  EXPECT_EQ(order, "abc");
}

TEST(EventManager, SpawnRemoteRunsOnEveryCore) {
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    Promise<CoreId> promise;
    auto ran_on = promise.GetFuture();
    EventManager::SpawnRemote(
        [promise = std::move(promise)]() mutable {
          promise.SetValue(platform::CurrentCore());
        },
        core);
    EXPECT_EQ(ran_on.Get(), core);
    EXPECT_EQ(platform::CurrentCore(), 0u) << "the event stays on its core";
  }
}

TEST(EventManager, ManyRemoteEventsKeepTheirOrder) {
  constexpr int kCount = 1000;
  CoreId last = static_cast<CoreId>(platform::CoreCount() - 1);
  auto seen = std::make_shared<std::vector<int>>();
  Promise<> done;
  auto all = done.GetFuture();
  for (int i = 0; i < kCount; ++i) {
    EventManager::SpawnRemote([seen, i] { seen->push_back(i); }, last);
  }
  EventManager::SpawnRemote([&done] { done.SetValue(); }, last);
  all.Get();
  ASSERT_EQ(seen->size(), static_cast<size_t>(kCount));
  for (int i = 0; i < kCount; ++i) EXPECT_EQ((*seen)[i], i);
}

TEST(EventManager, AtEndOfEventRunsBeforeTheNextEvent) {
  std::string order;
  EventManager::Spawn([&] {
    event_manager->AtEndOfEvent([&] { order += "hook "; });
    order += "event ";
  });
  EventManager::Spawn([&] { order += "next"; });
  RunQueued();
  EXPECT_EQ(order, "event hook next");
}

TEST(EventManager, AtEndOfEventRunsWhenTheEventBlocks) {
  bool flushed = false;
  EventContext context;
  event_manager->AtEndOfEvent([&] { flushed = true; });
  EventManager::Spawn([&] {
    EXPECT_TRUE(flushed);
    EventManager::ActivateContext(context);
  });
  event_manager->SaveContext(context);
  EXPECT_TRUE(flushed);
}

TEST(EventManager, AnEventThatThrowsDoesNotEndTheNode) {
  EventManager::Spawn(
      [] { throw std::runtime_error("as this test wants it"); });
  RunQueued();
  SUCCEED() << "the loop went on";
}

TEST(EventManager, ActivationBeforeSaveCounts) {
  EventContext context;
  EventManager::ActivateContext(context);
  event_manager->SaveContext(context);
  SUCCEED() << "did not wait for ever";
}

TEST(EventManager, ContextIsActivatedFromAnotherCore) {
  CoreId last = static_cast<CoreId>(platform::CoreCount() - 1);
  EventContext context;
  EventManager::SpawnRemote(
      [&context] { EventManager::ActivateContext(context); }, last);
  event_manager->SaveContext(context);
  EXPECT_EQ(platform::CurrentCore(), 0u);
}

TEST(EventManager, ManyContextsWaitAtOnce) {
  constexpr int kCount = 50;  // more than the loop keeps spare stacks
  std::vector<std::unique_ptr<EventContext>> contexts;
  int resumed = 0;
  for (int i = 0; i < kCount; ++i) {
    EventManager::Spawn([&] {
      contexts.push_back(std::make_unique<EventContext>());
      event_manager->SaveContext(*contexts.back());
      ++resumed;
    });
  }
  RunQueued();
  ASSERT_EQ(contexts.size(), static_cast<size_t>(kCount));
  EXPECT_EQ(resumed, 0);
  for (auto& context : contexts) EventManager::ActivateContext(*context);
  RunQueued();
  EXPECT_EQ(resumed, kCount);
}

// Issue trap "C++ state": each context keeps what it has caught.
TEST(EventManager, ContextsBlockedInsideCatchKeepTheirExceptions) {
  EventContext first;
  EventContext second;
  std::vector<std::string> seen;
  auto block_in_catch = [&seen](EventContext& context, const char* name) {
    try {
      throw std::runtime_error(name);
    } catch (const std::exception& error) {
      event_manager->SaveContext(context);
      seen.push_back(error.what());
      try {
        throw;  // what is caught now, by the C++ runtime's own account
      } catch (const std::exception& again) {
        seen.push_back(again.what());
      }
    }
    EXPECT_EQ(std::current_exception(), nullptr);
  };
  EventManager::Spawn([&] { block_in_catch(first, "first"); });
  EventManager::Spawn([&] { block_in_catch(second, "second"); });
  RunQueued();
  EXPECT_EQ(std::current_exception(), nullptr)
      << "another context's caught exception shows here";
  // Not in the order of blocking, so a stack of exceptions would be wrong.
  EventManager::ActivateContext(first);
  RunQueued();
  EventManager::ActivateContext(second);
  RunQueued();
  EXPECT_EQ(seen,
            (std::vector<std::string>{"first", "first", "second", "second"}));
}

TEST(EventManager, ExceptionFliesThroughABlockedContext) {
  std::string caught;
  EventContext context;
  EventManager::Spawn([&] {
    try {
      event_manager->SaveContext(context);
      throw std::runtime_error("thrown after waiting");
    } catch (const std::exception& error) {
      caught = error.what();
    }
  });
  RunQueued();
  EventManager::ActivateContext(context);
  RunQueued();
  EXPECT_EQ(caught, "thrown after waiting");
}

TEST(EventManager, ErrnoStaysWithTheContext) {
  errno = EDOM;
  EventContext context;
  EventManager::Spawn([&] {
    errno = ERANGE;
    EventManager::ActivateContext(context);
  });
  event_manager->SaveContext(context);
  EXPECT_EQ(errno, EDOM);
}

thread_local int thread_local_value = 7;

TEST(EventManager, ThreadLocalIsPerCore) {
  thread_local_value = 1;
  for (CoreId core = 1; core < platform::CoreCount(); ++core) {
    Promise<int> promise;
    auto value = promise.GetFuture();
    EventManager::SpawnRemote(
        [promise = std::move(promise)]() mutable {
          promise.SetValue(thread_local_value++);
        },
        core);
    EXPECT_EQ(value.Get(), 7);
  }
  EXPECT_EQ(thread_local_value, 1);
  thread_local_value = 7;
}

TEST(Timer, RunsAfterItsDelayAndInOrder) {
  std::string order;
  Timer late;
  Timer early;
  auto start = Clock::now();
  late.Start(20ms, [&] { order += 'b'; });
  early.Start(5ms, [&] { order += 'a'; });
  SleepFor(30ms).Get();
  EXPECT_EQ(order, "ab");
  EXPECT_GE(Clock::now() - start, 30ms);
}

TEST(Timer, StoppedOrDestroyedDoesNotRun) {
  bool ran = false;
  Timer stopped;
  stopped.Start(1ms, [&] { ran = true; });
  {
    Timer destroyed;
    destroyed.Start(1ms, [&] { ran = true; });
  }
  EXPECT_TRUE(stopped.Running());
  stopped.Stop();
  EXPECT_FALSE(stopped.Running());
  SleepFor(10ms).Get();
  EXPECT_FALSE(ran);
}

TEST(Timer, StoppingADueTimerHolds) {
  Timer first;
  Timer second;
  bool second_ran = false;
  first.Start(1ms, [&] { second.Stop(); });
  second.Start(1ms, [&] { second_ran = true; });
  SleepFor(10ms).Get();
  EXPECT_FALSE(second_ran);
}

TEST(Timer, MayBeStartedFromItsOwnFunction) {
  Timer timer;
  int runs = 0;
  MoveFunction<void()> again = [&] {
    if (++runs < 3) timer.Start(1ms, [&] { again(); });
  };
  timer.Start(1ms, [&] { again(); });
  SleepFor(50ms).Get();
  EXPECT_EQ(runs, 3);
}

TEST(Timer, AFunctionThatBlocksHoldsUpNoOtherTimer) {
  EventContext context;
  Timer blocking;
  Timer other;
  bool resumed = false;
  blocking.Start(1ms, [&] {
    event_manager->SaveContext(context);
    resumed = true;
  });
  other.Start(2ms, [&] { EventManager::ActivateContext(context); });
  SleepFor(20ms).Get();
  EXPECT_TRUE(resumed);
}

struct CountingIdle : IdleCallback {
  void OnIdle() override {
    if (++count == 10) event_manager->StopIdle(*this);
  }
  int count = 0;
};

TEST(EventManager, IdleCallbackRunsUntilItStopsItself) {
  CountingIdle idle;
  event_manager->StartIdle(idle);
  SleepFor(20ms).Get();
  EXPECT_EQ(idle.count, 10);
}

}  // namespace
}  // namespace ebbrt
