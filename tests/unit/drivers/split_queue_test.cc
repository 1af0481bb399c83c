#include "native/virtio/split_queue.h"

#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "tests/unit/drivers/fake_transport.h"

namespace ebbrt::virtio {
namespace {

constexpr uint16_t kSize = 8;

class SplitQueueTest : public testing::TestWithParam<EventIndex> {
 protected:
  Piece At(size_t i, uint32_t length = 16) {
    return {reinterpret_cast<uint64_t>(&memory_[i * 16]), length};
  }
  uint16_t AddReadable(size_t i = 0) {
    Piece piece = At(i);
    auto id = queue_.Add({&piece, 1}, {});
    EXPECT_TRUE(id.has_value());
    return *id;
  }
  uint16_t AddWritable(size_t i = 0, uint32_t length = 16) {
    Piece piece = At(i, length);
    auto id = queue_.Add({}, {&piece, 1});
    EXPECT_TRUE(id.has_value());
    return *id;
  }

  std::array<std::byte, 1024> memory_{};
  SplitQueue queue_{kSize, GetParam()};
  DeviceQueue device_{queue_, GetParam() == EventIndex::kOn};
};

INSTANTIATE_TEST_SUITE_P(EventIndex, SplitQueueTest,
                         testing::Values(EventIndex::kOff, EventIndex::kOn));

TEST_P(SplitQueueTest, AChainArrivesAsItWasAdded) {
  std::array readable = {At(0), At(1, 5)};
  std::array writable = {At(2, 7)};
  auto id = queue_.Add(readable, writable);
  ASSERT_TRUE(id);
  EXPECT_FALSE(device_.Next()) << "nothing is visible before Publish";
  EXPECT_TRUE(queue_.Publish());
  auto chain = device_.Next();
  ASSERT_TRUE(chain);
  EXPECT_EQ(chain->id, *id);
  ASSERT_EQ(chain->readable.size(), 2u);
  EXPECT_EQ(chain->readable[0].first, &memory_[0]);
  EXPECT_EQ(chain->readable[1].second, 5u);
  ASSERT_EQ(chain->writable.size(), 1u);
  EXPECT_EQ(chain->writable[0].first, &memory_[32]);
  EXPECT_FALSE(device_.Next());

  EXPECT_FALSE(queue_.HasUsed());
  device_.Use(*id, 7);
  EXPECT_TRUE(queue_.HasUsed());
  auto used = queue_.Take();
  ASSERT_TRUE(used);
  EXPECT_EQ(used->id, *id);
  EXPECT_EQ(used->written, 7u);
  EXPECT_FALSE(queue_.Take());
  EXPECT_EQ(queue_.FreeDescriptors(), kSize);
}

TEST_P(SplitQueueTest, AFullQueueTakesNoMoreUntilSomethingIsUsed) {
  for (size_t i = 0; i < kSize; ++i) AddReadable(i);
  Piece piece = At(0);
  EXPECT_FALSE(queue_.Add({&piece, 1}, {}));
  (void)queue_.Publish();
  device_.Use(device_.Next()->id, 0);
  EXPECT_TRUE(queue_.Take());
  EXPECT_TRUE(queue_.Add({&piece, 1}, {}));
}

TEST_P(SplitQueueTest, AChainThatDoesNotFitChangesNothing) {
  for (size_t i = 0; i < kSize - 1; ++i) AddReadable(i);
  std::array two = {At(0), At(1)};
  EXPECT_FALSE(queue_.Add(two, {}));
  EXPECT_EQ(queue_.FreeDescriptors(), 1);
  EXPECT_TRUE(queue_.Add({two.data(), 1}, {}));
}

TEST_P(SplitQueueTest, IndicesWrapAndOrderIsTheDevices) {
  // Beyond 65536, in pairs that come back the other way round.
  for (int i = 0; i < 40'000; ++i) {
    uint16_t first = AddWritable(0);
    std::array two = {At(1), At(2)};
    auto second = queue_.Add(two, {});
    ASSERT_TRUE(second);
    (void)queue_.Publish();
    ASSERT_TRUE(device_.Next());
    ASSERT_TRUE(device_.Next());
    device_.Use(*second, 0);
    device_.Use(first, 3);
    ASSERT_EQ(queue_.Take()->id, *second);
    ASSERT_EQ(queue_.Take()->id, first);
  }
  EXPECT_EQ(queue_.FreeDescriptors(), kSize);
  EXPECT_EQ(queue_.InFlight(), 0);
}

TEST_P(SplitQueueTest, TheDeviceIsNotifiedOncePerBatch) {
  EXPECT_FALSE(queue_.Publish()) << "there is nothing to tell";
  AddReadable(0);
  AddReadable(1);
  EXPECT_TRUE(queue_.Publish());
  EXPECT_FALSE(queue_.Publish());
  if (GetParam() == EventIndex::kOn) {
    // It has not come to the one that it wants to be told of.
    AddReadable(2);
    EXPECT_FALSE(queue_.Publish());
  } else {
    device_.SetFlags(layout::kUsedNoNotify);
    AddReadable(2);
    EXPECT_FALSE(queue_.Publish());
  }
}

TEST_P(SplitQueueTest, InterruptsComeWhenWantedAndNotOtherwise) {
  for (size_t i = 0; i < 4; ++i) AddWritable(i);
  (void)queue_.Publish();
  queue_.DisableInterrupts();
  device_.Use(device_.Next()->id, 0);
  EXPECT_FALSE(device_.InterruptWanted());
  EXPECT_FALSE(queue_.EnableInterrupts()) << "one is there already";
  EXPECT_TRUE(queue_.Take());
  EXPECT_TRUE(queue_.EnableInterrupts());
  device_.Use(device_.Next()->id, 0);
  EXPECT_TRUE(device_.InterruptWanted());
  EXPECT_TRUE(queue_.Take());
  queue_.DisableInterrupts();
  device_.Use(device_.Next()->id, 0);
  EXPECT_FALSE(device_.InterruptWanted());
}

TEST(SplitQueueWithEventIndex, AnInterruptCanWaitForSeveral) {
  std::array<std::byte, 64> memory;
  SplitQueue queue(kSize, EventIndex::kOn);
  DeviceQueue device(queue, true);
  Piece piece{reinterpret_cast<uint64_t>(memory.data()), 64};
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(queue.Add({&piece, 1}, {}));
  (void)queue.Publish();
  ASSERT_TRUE(queue.EnableInterrupts(3));
  for (int i = 1; i <= 4; ++i) {
    device.Use(device.Next()->id, 0);
    EXPECT_EQ(device.InterruptWanted(), i == 3);
  }
}

// --- devices that must not be believed
// ---------------------------------------------

TEST_P(SplitQueueTest, AnIdOutOfRangeIsAFailure) {
  AddWritable();
  (void)queue_.Publish();
  device_.Use(kSize, 0);
  EXPECT_FALSE(queue_.Take());
  EXPECT_NE(queue_.Failure(), nullptr);
}

TEST_P(SplitQueueTest, AnIdThatIsNotOutIsAFailure) {
  uint16_t id = AddWritable();
  (void)queue_.Publish();
  device_.Use((id + 1) % kSize, 0);
  EXPECT_FALSE(queue_.Take());
  EXPECT_NE(queue_.Failure(), nullptr);
}

TEST_P(SplitQueueTest, TheMiddleOfAChainIsNoId) {
  std::array two = {At(0), At(1)};
  auto id = queue_.Add(two, {});
  ASSERT_TRUE(id);
  (void)queue_.Publish();
  for (uint16_t other = 0; other < kSize; ++other) {
    if (other == *id) continue;
    SplitQueue queue(kSize, GetParam());
    DeviceQueue device(queue, GetParam() == EventIndex::kOn);
    ASSERT_EQ(queue.Add(two, {}), id);
    (void)queue.Publish();
    device.Use(other, 0);
    EXPECT_FALSE(queue.Take());
    EXPECT_NE(queue.Failure(), nullptr);
  }
}

TEST_P(SplitQueueTest, UsingTwiceIsAFailure) {
  uint16_t id = AddWritable(0);
  AddWritable(1);
  (void)queue_.Publish();
  device_.Use(id, 0);
  device_.Use(id, 0);
  EXPECT_TRUE(queue_.Take());
  EXPECT_FALSE(queue_.Take());
  EXPECT_NE(queue_.Failure(), nullptr);
}

TEST_P(SplitQueueTest, AnIndexThatJumpsIsAFailure) {
  AddWritable();
  (void)queue_.Publish();
  device_.SetUsedIndex(500);
  EXPECT_FALSE(queue_.Take());
  EXPECT_NE(queue_.Failure(), nullptr);
  EXPECT_FALSE(queue_.HasUsed()) << "a failed queue gives nothing any more";
}

TEST_P(SplitQueueTest, ALengthBeyondTheBufferIsAFailure) {
  uint16_t id = AddWritable(0, 16);
  (void)queue_.Publish();
  device_.Use(id, 17);
  EXPECT_FALSE(queue_.Take());
  EXPECT_NE(queue_.Failure(), nullptr);
}

TEST_P(SplitQueueTest, WhatTheDeviceScribblesIsNeverReadBack) {
  std::array three = {At(0), At(1), At(2)};
  auto id = queue_.Add(three, {});
  ASSERT_TRUE(id);
  (void)queue_.Publish();
  auto* table =
      reinterpret_cast<layout::Descriptor*>(queue_.DescriptorAddress());
  for (uint16_t i = 0; i < kSize; ++i) table[i] = {~0ull, ~0u, 0xFFFF, 0xFFFF};
  device_.Use(*id, 0);
  EXPECT_TRUE(queue_.Take());
  EXPECT_EQ(queue_.FreeDescriptors(), kSize);
  for (size_t i = 0; i < kSize; ++i) AddReadable(i);
}

}  // namespace
}  // namespace ebbrt::virtio
