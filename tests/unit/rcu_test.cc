// Read-copy-update: what is retired is there until all cores have passed.
#include "common/rcu.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "common/future.h"
#include "common/run_on.h"
#include "platform/clock.h"
#include "tests/unit/together.h"

namespace ebbrt {
namespace {

using namespace std::chrono_literals;

/// Says when and where it is given back.
struct Object {
  static void Free(Rcu::Retired& retired) {
    auto& object = reinterpret_cast<Object&>(retired);
    object.here = platform::CurrentCore();
    object.freed.store(true, std::memory_order_release);
  }
  bool Freed() const { return freed.load(std::memory_order_acquire); }
  bool FreedInTime() const {
    for (int waits = 0; !Freed() && waits < 1000; ++waits) SleepFor(5ms).Get();
    return Freed();
  }

  Rcu::Retired retired;  // first
  std::atomic<bool> freed{false};
  CoreId here{};
};

TEST(Rcu, WhatAnEventMayBeReadingIsKept) {
  if (platform::CoreCount() == 1) {
    Object object;
    rcu->Retire(object.retired, &Object::Free, sizeof object);
    EXPECT_TRUE(object.Freed()) << "nobody else can be reading it";
    return;
  }
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    if (core == platform::CurrentCore()) continue;
    std::vector<Object> objects(5);
    {
      BusyCore reader(core);
      // All other cores pass, and each that holds much asks for a round.
      for (Object& object : objects) {
        rcu->Retire(object.retired, &Object::Free, size_t{1} << 20);
        SleepFor(20ms).Get();
      }
      for (Object& object : objects) EXPECT_FALSE(object.Freed()) << core;
    }
    for (Object& object : objects) EXPECT_TRUE(object.FreedInTime());
  }
}

TEST(Rcu, LittleIsNotWorthARoundAtOnce) {
  if (platform::CoreCount() == 1) GTEST_SKIP() << "there are no rounds";
  Object all_before, much, little;
  rcu->Retire(all_before.retired, &Object::Free, size_t{1} << 20);
  ASSERT_TRUE(all_before.FreedInTime());
  rcu->Retire(much.retired, &Object::Free, size_t{1} << 20);
  SleepFor(1ms).Get();  // its round is under way
  const auto retired = Clock::now();
  rcu->Retire(little.retired, &Object::Free, sizeof little);
  EXPECT_TRUE(little.FreedInTime());
  EXPECT_TRUE(much.Freed());
  EXPECT_GE(Clock::now() - retired, 200ms) << "all cores were woken for it";
}

/// Objects that are retired one after the other, of little memory each.
class Row {
 public:
  ~Row() {
    for (size_t i = 0; i < retired_; ++i) {
      EXPECT_TRUE(objects_[i].FreedInTime());
    }
  }
  void RetireNext() {
    rcu->Retire(objects_.at(retired_).retired, &Object::Free, sizeof(Object));
    ++retired_;
  }
  size_t Freed() const {
    return static_cast<size_t>(std::ranges::count_if(objects_, &Object::Freed));
  }

 private:
  std::vector<Object> objects_{1000};
  size_t retired_ = 0;
};

TEST(Rcu, EachRetiredHasOneReclaimedWhoseRoundIsOver) {
  if (platform::CoreCount() == 1) GTEST_SKIP() << "there are no rounds";
  Row row;
  for (int i = 0; i < 100; ++i) row.RetireNext();
  for (int waits = 0; row.Freed() == 0 && waits < 500; ++waits) {
    SleepFor(20ms).Get();
    row.RetireNext();
  }
  for (size_t freed = 1; freed < 20; ++freed) {
    ASSERT_EQ(row.Freed(), freed);
    row.RetireNext();
  }
}

TEST(Rcu, WhatHoldsMuchIsReclaimedAtOnceWhenItsRoundIsOver) {
  if (platform::CoreCount() == 1) GTEST_SKIP() << "there are no rounds";
  Row row;
  std::vector<Object> large(3);
  for (Object& object : large) {
    rcu->Retire(object.retired, &Object::Free, size_t{1} << 20);
  }
  auto freed = [&] { return std::ranges::count_if(large, &Object::Freed); };
  for (int waits = 0; freed() == 0 && waits < 500; ++waits) {
    SleepFor(20ms).Get();
    row.RetireNext();
  }
  EXPECT_EQ(freed(), 3);
  for (Object& object : large) ASSERT_TRUE(object.FreedInTime());
}

TEST(Rcu, EachIsGivenBackOnceWhereItWasRetired) {
  // Many small ones, and few that hold much.
  for (size_t bytes : {size_t{16}, size_t{1} << 20}) {
    std::vector<std::unique_ptr<std::vector<Object>>> of_core;
    for (size_t i = 0; i < platform::CoreCount(); ++i) {
      of_core.push_back(std::make_unique<std::vector<Object>>(300));
    }
    RunOnEveryCore([&] {
      for (Object& object : *of_core[platform::CurrentCore()]) {
        ASSERT_FALSE(object.Freed());
        rcu->Retire(object.retired, &Object::Free, bytes);
      }
    }).Get();
    for (CoreId core = 0; core < platform::CoreCount(); ++core) {
      for (Object& object : *of_core[core]) {
        ASSERT_TRUE(object.FreedInTime());
        ASSERT_EQ(object.here, core);
      }
    }
  }
}

TEST(Rcu, WhatAnEventHasFoundIsThereUntilItEnds) {
  struct Version {
    Rcu::Retired retired;  // first
    int number;
    int same;
  };
  auto make = [](int n) { return new Version{{}, n, n}; };
  std::atomic<Version*> current{make(0)};
  auto replace = [&](int number) {
    Version* old = current.exchange(make(number), std::memory_order_acq_rel);
    rcu->Retire(
        old->retired,
        [](Rcu::Retired& retired) {
          auto* version = reinterpret_cast<Version*>(&retired);
          version->number = -1;
          version->same = -2;
          delete version;
        },
        sizeof(Version));
  };
  // Enough for several rounds in one event.
  constexpr int kVersions = 500;
  std::vector<std::vector<std::pair<const Version*, int>>> seen(
      platform::CoreCount());
  for (int round = 0; round < 20; ++round) {
    for (auto& of_core : seen) of_core.clear();
    LookWhileChanging(
        [&] {
          for (int i = 1; i <= kVersions; ++i) replace(kVersions * round + i);
        },
        [&] {
          auto& mine = seen[platform::CurrentCore()];
          const Version* found = current.load(std::memory_order_acquire);
          if (mine.empty() || mine.back().first != found) {
            mine.emplace_back(found, found->number);
          }
          if (found->number < kVersions * (round + 1)) return;
          // The event's last look: at all that it has found.
          for (auto [version, number] : mine) {
            ASSERT_EQ(version->number, number);
            ASSERT_EQ(version->same, number);
          }
        });
  }
  delete current.load();
}

}  // namespace
}  // namespace ebbrt
