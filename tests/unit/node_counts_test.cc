#include "common/node_counts.h"

#include <gtest/gtest.h>

#include <optional>

#include "common/event_manager.h"
#include "common/message.h"
#include "common/run_on.h"
#include "common/shared_ebb.h"
#include "platform/core.h"

namespace ebbrt {
namespace {

Message<NodeCounts> Ask(PortCounts port = {}) {
  return Message<NodeCounts>(RawMessage::FromBytes(CountNode(port).Get()));
}

/// The counts of the last core.
uint64_t Events(Message<NodeCounts>& counts) {
  auto cores = counts.Read().getCores();
  return cores[cores.size() - 1].getEvents();
}

TEST(NodeCounts, EachCoreTellsItsEvents) {
  auto last = static_cast<CoreId>(platform::CoreCount() - 1);
  auto before = Ask();
  ASSERT_EQ(before.Read().getCores().size(), platform::CoreCount());
  for (int i = 0; i < 100; ++i) RunOn(last, [] {}).Get();
  auto after = Ask();
  EXPECT_GE(Events(after), Events(before) + 100);
}

class Counted : public SharedEbb<Counted> {};

TEST(NodeCounts, EbbsAreCounted) {
  const uint32_t before = Ask().Read().getEbbs();
  auto ebb = Counted::Create();
  EXPECT_EQ(Ask().Read().getEbbs(), before + 1);
  Counted::Destroy(ebb).Get();
  EXPECT_EQ(Ask().Read().getEbbs(), before);
}

TEST(NodeCounts, AFullQueueForgetsNoEvent) {
  auto before = Ask();
  auto last = static_cast<CoreId>(platform::CoreCount() - 1);
  RunOn(last, [] {
    for (int i = 0; i < 1000; ++i) event_manager->SpawnLocal([] {});
  }).Get();
  RunOn(last, [] {}).Get();
  auto after = Ask();
  EXPECT_GE(Events(after), Events(before) + 1000);
}

TEST(NodeCounts, ThePortAddsWhatItKnows) {
  auto counts = Ask({.machine = [](NodeCounts::Builder out) {
    out.initMemory().setFreeBytes(4096);
  }});
  EXPECT_EQ(counts.Read().getMemory().getFreeBytes(), 4096u);
  EXPECT_FALSE(counts.Read().hasNetwork());
}

TEST(NodeCounts, TheNetworksOfAllCoresAreOne) {
  auto counts = Ask({.network = []() -> std::optional<NetworkTotals> {
    return NetworkTotals{.sent_frames = platform::CurrentCore() + 1u,
                         .connections = 10,
                         .buffers = 256};
  }});
  const uint64_t cores = platform::CoreCount();
  ASSERT_TRUE(counts.Read().hasNetwork());
  auto network = counts.Read().getNetwork();
  EXPECT_EQ(network.getSentFrames(), cores * (cores + 1) / 2);
  EXPECT_EQ(network.getConnections(), 10 * cores);
  EXPECT_EQ(network.getBuffers(), 256 * cores);
}

TEST(NodeCounts, NoCoreNeedHaveANetwork) {
  auto counts = Ask({.network = []() -> std::optional<NetworkTotals> {
    return std::nullopt;
  }});
  EXPECT_FALSE(counts.Read().hasNetwork());
}

}  // namespace
}  // namespace ebbrt
