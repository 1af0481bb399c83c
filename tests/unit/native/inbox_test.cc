#include "native/network/all_cores/inbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/event_manager.h"
#include "common/future.h"
#include "common/run_on.h"
#include "platform/core.h"

namespace ebbrt::network {
namespace {

bool Put(Inbox& inbox, const std::string& text) {
  return inbox.Put(std::make_unique<Inbox::Parcel>(
      IOBuf::Copy(text), virtio::ReceivedChecksum::kVerified, 1u));
}

std::vector<std::string> Take(Inbox& inbox) {
  std::vector<std::string> taken;
  inbox.TakeAll([&taken](Inbox::Parcel& parcel) {
    taken.push_back(parcel.frame->ToString());
  });
  return taken;
}

TEST(Inbox, IsInOrderAndTellsOfTheFirstOnly) {
  Inbox inbox;
  EXPECT_TRUE(Put(inbox, "a"));
  EXPECT_FALSE(Put(inbox, "b"));
  EXPECT_FALSE(Put(inbox, "c"));
  EXPECT_EQ(Take(inbox), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_TRUE(Take(inbox).empty());
  EXPECT_TRUE(Put(inbox, "d"));
  inbox.Clear();
  EXPECT_TRUE(Put(inbox, "e"));
}

TEST(Inbox, MoreThanItsLimitIsDropped) {
  Inbox inbox;
  for (size_t i = 0; i < Inbox::kLimit + 10; ++i) (void)Put(inbox, "x");
  EXPECT_EQ(Take(inbox).size(), Inbox::kLimit);
  EXPECT_TRUE(Put(inbox, "room again"));
  EXPECT_EQ(Take(inbox).size(), 1u);
}

TEST(Inbox, WhatAllCoresPutInComesOutOnceAndEveryEmptyingIsTold) {
  constexpr int kEach = 500;
  static Inbox inbox;
  static std::atomic<size_t> told{0};
  static std::atomic<size_t> taken{0};
  RunOnEveryCore([] {
    for (int i = 0; i < kEach; ++i) {
      if (!Put(inbox, "x")) continue;
      ++told;
      EventManager::SpawnRemote([] { taken += Take(inbox).size(); }, 0);
    }
  }).Get();
  // Whoever was told comes some time later.
  const size_t all = kEach * platform::CoreCount();
  for (int waits = 0; taken < all && waits < 10'000; ++waits) {
    SleepFor(std::chrono::milliseconds(1)).Get();
  }
  EXPECT_EQ(taken, all);
  EXPECT_GE(told, 1u);
}

}  // namespace
}  // namespace ebbrt::network
