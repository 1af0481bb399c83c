#include "hosted/front_end_metrics.h"

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <utility>

#include "common/message.h"
#include "common/messenger.h"
#include "common/node_counts.h"
#include "common/runtime.h"
#include "tests/unit/messenger_peer.h"

namespace ebbrt {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(FrontEndMetrics, TheFrontEndTellsOfItself) {
  const std::string page = hosted::FrontEndMetrics().Get();
  EXPECT_THAT(page, HasSubstr("# TYPE ebbrt_events_total counter\n"
                              "ebbrt_events_total{node=\"1\",core=\"0\"} "));
  EXPECT_THAT(page, HasSubstr("\nebbrt_timers_total{node=\"1\",core=\"0\"} "));
  EXPECT_THAT(page, HasSubstr("\nebbrt_ebbs{node=\"1\"} "));
  EXPECT_THAT(page, HasSubstr("\nebbrt_node_answers{node=\"1\"} 1\n"));
  EXPECT_THAT(page, Not(HasSubstr("ebbrt_memory_bytes{node=\"1\"}")))
      << "Linux tells that";
}

TEST(FrontEndMetrics, ANodeThatCantTellHasMessagesOnly) {
  TestPeer peer(MessengerEndpoint());
  peer.SendHello(61, runtime::Boot().secret);
  messenger->WaitForNode(61).Get();
  auto page = hosted::FrontEndMetrics();
  ASSERT_TRUE(peer.Await([&] { return peer.frames.size() == 2; }));
  EXPECT_EQ(peer.frames[1].header.kind, FrameKind::kCall);
  // As an image without METRICS.
  peer.connection->Send(MakeFrame(
      {.kind = FrameKind::kError, .request = peer.frames[1].header.request},
      IOBuf::Copy(std::string_view("no such"))));
  const std::string text = page.Get();
  EXPECT_THAT(text, HasSubstr("\nebbrt_nodes 1\n"));
  EXPECT_THAT(text, HasSubstr("\nebbrt_node_answers{node=\"61\"} 0\n"));
  EXPECT_THAT(text, Not(HasSubstr("ebbrt_events_total{node=\"61\"")));
  // Its hello and its error; our hello and the call.
  EXPECT_THAT(text, HasSubstr("\nebbrt_messages_total{peer=\"61\",direction="
                              "\"received\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("\nebbrt_messages_total{peer=\"61\",direction="
                              "\"sent\"} 2\n"));
  EXPECT_THAT(text,
              HasSubstr("\nebbrt_message_bytes_total{peer=\"61\",direction="
                        "\"sent\"} " +
                        std::to_string(peer.received_bytes) + "\n"));
  messenger->ForgetNode(61, "the test is over");
}

/// The page when node 62 has answered with these bytes.
std::string PageAfter(std::unique_ptr<IOBuf> answer) {
  TestPeer peer(MessengerEndpoint());
  peer.SendHello(62, runtime::Boot().secret);
  messenger->WaitForNode(62).Get();
  auto page = hosted::FrontEndMetrics();
  EXPECT_TRUE(peer.Await([&] { return peer.frames.size() == 2; }));
  peer.connection->Send(MakeFrame(
      {.kind = FrameKind::kReply, .request = peer.frames[1].header.request},
      std::move(answer)));
  std::string text = page.Get();
  messenger->ForgetNode(62, "the test is over");
  return text;
}

TEST(FrontEndMetrics, AnAnswerThatIsNoneCountsAsNone) {
  EXPECT_THAT(PageAfter(IOBuf::Copy(std::string(13, 'x'))),
              HasSubstr("\nebbrt_node_answers{node=\"62\"} 0\n"));
}

TEST(FrontEndMetrics, NorIsOneWhoseListPointsBeyondIt) {
  MessageBuilder message;
  auto counts = message.initRoot<NodeCounts>();
  counts.initCores(1)[0].setEvents(7777);
  const std::string good = EncodeMessage(message)->ToString();
  EXPECT_THAT(PageAfter(IOBuf::Copy(good)),
              HasSubstr("ebbrt_events_total{node=\"62\",core=\"0\"} 7777\n"));
  // Each of its pointers in turn: root, cores, the list's tag and so on.
  for (size_t word = 8; word + 8 <= good.size(); word += 8) {
    std::string bad = good;
    bad[word + 3] = '\x70';  // far beyond
    const std::string page = PageAfter(IOBuf::Copy(bad));
    EXPECT_THAT(page, HasSubstr("ebbrt_events_total{node=\"1\",core=\"0\"} "))
        << word;
  }
}

}  // namespace
}  // namespace ebbrt
