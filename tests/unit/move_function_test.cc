#include "common/move_function.h"

#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

#include "common/ring_queue.h"

namespace ebbrt {
namespace {

TEST(MoveFunction, CallsSmallAndLargeTargets) {
  MoveFunction<int(int)> small = [](int x) { return x + 1; };
  EXPECT_EQ(small(1), 2);
  std::array<int, 100> numbers{};
  numbers[99] = 5;
  MoveFunction<int(int)> large = [numbers](int i) { return numbers[i]; };
  EXPECT_EQ(large(99), 5);
  auto moved = std::move(large);
  EXPECT_EQ(moved(99), 5);
  EXPECT_FALSE(large);
}

TEST(MoveFunction, TargetEndsOnce) {
  auto alive = std::make_shared<int>(0);
  {
    MoveFunction<void()> f = [alive] {};
    MoveFunction<void()> g = std::move(f);
    MoveFunction<void()> h;
    h = std::move(g);
    EXPECT_EQ(alive.use_count(), 2);
    h = nullptr;
    EXPECT_EQ(alive.use_count(), 1);
  }
  EXPECT_EQ(alive.use_count(), 1);
}

TEST(MoveFunction, HoldsWhatOnlyMoves) {
  MoveFunction<int()> f = [value = std::make_unique<int>(3)] { return *value; };
  EXPECT_EQ(f(), 3);
}

TEST(RingQueue, CountsWhatWasPoppedWhileItGrows) {
  RingQueue<int> queue;
  int pushed = 0;
  for (int popped = 0; popped < 100; ++popped) {
    queue.Push(pushed++);
    queue.Push(pushed++);
    EXPECT_EQ(queue.Pop(), popped);
    EXPECT_EQ(queue.Popped(), static_cast<size_t>(popped) + 1);
  }
  EXPECT_EQ(queue.Size(), 100u);
}

TEST(RingQueue, KeepsOrderWhileItGrowsAndWraps) {
  RingQueue<int> queue;
  int next_in = 0;
  int next_out = 0;
  for (int round = 0; round < 50; ++round) {
    for (int i = 0; i < round; ++i) queue.Push(next_in++);
    for (int i = 0; i < round / 2; ++i) EXPECT_EQ(queue.Pop(), next_out++);
  }
  while (!queue.Empty()) EXPECT_EQ(queue.Pop(), next_out++);
  EXPECT_EQ(next_out, next_in);
}

}  // namespace
}  // namespace ebbrt
