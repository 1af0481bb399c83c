#include "common/event_trace.h"

#include <gtest/gtest.h>

#include <vector>

namespace ebbrt {
namespace {

using Kind = EventTrace::Kind;
using Slice = EventTrace::Slice;

const char a = 0;
const char b = 0;

TEST(EventTrace, ASliceIsFromItsBeginningToItsEnd) {
  EventTrace trace(4);
  EXPECT_TRUE(trace.Slices().empty());
  trace.End();  // of nothing
  trace.Begin(Kind::kInterrupt, &a, 0x31);
  auto slices = trace.Slices();
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(slices[0].end, 0u) << "it goes on";
  trace.End();
  slices = trace.Slices();
  ASSERT_EQ(slices.size(), 1u);
  EXPECT_EQ(slices[0].kind, Kind::kInterrupt);
  EXPECT_EQ(slices[0].what, &a);
  EXPECT_EQ(slices[0].detail, 0x31);
  EXPECT_EQ(slices[0].flags, 0);
  EXPECT_NE(slices[0].begin, 0u);
  EXPECT_GE(slices[0].end, slices[0].begin);
}

TEST(EventTrace, ASliceEndsWhereTheNextBegins) {
  EventTrace trace(4);
  trace.Begin(Kind::kAsleep, nullptr);
  trace.Begin(Kind::kTimer, &a);
  trace.End();
  trace.End();
  auto slices = trace.Slices();
  ASSERT_EQ(slices.size(), 2u);
  EXPECT_EQ(slices[0].kind, Kind::kAsleep);
  EXPECT_EQ(slices[0].end, slices[1].begin);
}

TEST(EventTrace, TheLastOnesAreKept) {
  EventTrace trace(4);
  for (uint16_t i = 0; i < 6; ++i) {
    trace.Begin(Kind::kEvent, &a, i);
    trace.End();
  }
  EXPECT_EQ(trace.Lost(), 2u);
  auto slices = trace.Slices();
  ASSERT_EQ(slices.size(), 4u);
  for (uint16_t i = 0; i < 4; ++i) EXPECT_EQ(slices[i].detail, i + 2);
}

TEST(EventTrace, AnEventThatBlocksKeepsItsNumber) {
  EventTrace trace(8);
  trace.Begin(Kind::kTimer, &a);
  auto first = trace.Block();
  trace.Begin(Kind::kEvent, &b);
  auto second = trace.Block();
  trace.Continue(first);
  first = trace.Block();
  trace.Continue(second);
  trace.End();
  trace.Continue(first);
  trace.End();
  auto slices = trace.Slices();
  ASSERT_EQ(slices.size(), 5u);
  EXPECT_NE(slices[0].event, 0u);
  EXPECT_NE(slices[1].event, 0u);
  EXPECT_NE(slices[0].event, slices[1].event);
  std::vector<uint8_t> flags;
  for (const auto& slice : slices) flags.push_back(slice.flags);
  EXPECT_EQ(flags,
            (std::vector<uint8_t>{Slice::kBlocks, Slice::kBlocks,
                                  Slice::kContinues | Slice::kBlocks,
                                  Slice::kContinues, Slice::kContinues}));
  for (int i : {0, 2, 4}) {
    EXPECT_EQ(slices[i].event, slices[0].event);
    EXPECT_EQ(slices[i].what, &a);
    EXPECT_EQ(slices[i].kind, Kind::kTimer);
  }
}

TEST(EventTrace, WhatBlocksOutsideASliceIsNotKnownLater) {
  EventTrace trace(4);
  auto event = trace.Block();
  trace.Continue(event);
  trace.End();
  EXPECT_TRUE(trace.Slices().empty());
}

TEST(EventTrace, TurnsOfAnIdleCallbackAreOneSlice) {
  EventTrace trace(4);
  for (const void* what : {&a, &a, &a, &b}) {
    trace.Begin(Kind::kIdle, what);
    trace.End();
  }
  auto slices = trace.Slices();
  ASSERT_EQ(slices.size(), 2u);
  EXPECT_EQ(slices[0].what, &a);
  EXPECT_EQ(slices[0].detail, 3);
  EXPECT_LE(slices[0].end, slices[1].begin);
  EXPECT_EQ(slices[1].detail, 1);
}

}  // namespace
}  // namespace ebbrt
