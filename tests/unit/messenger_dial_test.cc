// Back-ends that dial each other: several messengers in one process, and plain
// connections that play a node which does what it should not.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/deadline.h"
#include "common/frame.h"
#include "common/messenger.h"
#include "common/network_manager.h"
#include "common/node_directory.h"
#include "common/protocol.h"
#include "common/timer.h"
#include "tests/unit/messenger_peer.h"

namespace ebbrt {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kEcho = "test.Echo";
constexpr uint16_t kAnswer = 0;
constexpr uint16_t kNeverAnswer = 1;
constexpr Secret kSecret = {1, 2, 3};

const bool echo_registered = [] {
  RegisterProtocol(kEcho, [](IncomingCall call) {
    Promise<std::unique_ptr<IOBuf>> promise;
    auto future = promise.GetFuture();
    if (call.method == kAnswer) {
      promise.SetValue(nullptr);
    } else {
      static std::vector<Promise<std::unique_ptr<IOBuf>>> kept;
      kept.push_back(std::move(promise));
    }
    return future;
  });
  return true;
}();

/// A front-end and back-ends. They live as long as the process.
class Application {
 public:
  Application() {
    auto* front = Add(kFrontEndNode);
    directory = new NodeDirectory(*front);
    home = {Ipv4Address{0x7F000001}, front->Listen(kSecret).port};
  }

  Messenger& BackEnd(NodeId node) {
    auto* messenger = Add(node);
    messenger->Listen(kSecret);
    messenger->DialHome(home, kSecret).Get();
    Front().WaitForNode(node).Get();
    return *messenger;
  }

  Messenger& Front() { return *messengers.front(); }

  Messenger* Add(NodeId node) {
    static std::vector<Messenger*> all;
    messengers.push_back(all.emplace_back(new Messenger(node)));
    return messengers.back();
  }

  std::vector<Messenger*> messengers;
  NodeDirectory* directory;
  Endpoint home;
};

Future<RawMessage> Call(Messenger& from, NodeId to, uint16_t method = kAnswer,
                        Clock::duration deadline = 10s) {
  return from.Call({to, 0, ProtocolId(kEcho), method}, nullptr, deadline);
}

bool Knows(const Messenger& messenger, NodeId node) {
  auto nodes = messenger.Nodes();
  return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
}

std::string FailureOf(Future<RawMessage> call) {
  try {
    call.Get();
  } catch (const NodeLost& error) {
    return error.what();
  }
  return "";
}

TEST(MessengerDial, BackEndsConnectWithTheFirstCall) {
  Application application;
  auto& two = application.BackEnd(2);
  auto& three = application.BackEnd(3);
  EXPECT_FALSE(Knows(two, 3));
  // All before there is a connection: in order, on the one that comes.
  std::vector<Future<RawMessage>> calls;
  for (int i = 0; i < 5; ++i) calls.push_back(Call(two, 3));
  for (auto& call : calls) call.Get();
  EXPECT_TRUE(Knows(two, 3));
  EXPECT_TRUE(Knows(three, 2));
  Call(three, 2).Get();
}

TEST(MessengerDial, DialsThatCrossLeaveOneConnection) {
  for (int round = 0; round < 5; ++round) {
    Application application;
    std::vector<Messenger*> nodes;
    for (NodeId node = 2; node < 6; ++node) {
      nodes.push_back(&application.BackEnd(node));
    }
    std::vector<Future<RawMessage>> calls;
    for (int again = 0; again < 2; ++again) {
      for (size_t from = 0; from < nodes.size(); ++from) {
        for (size_t to = 0; to < nodes.size(); ++to) {
          if (from == to) continue;
          calls.push_back(Call(*nodes[from], static_cast<NodeId>(to + 2)));
        }
      }
      for (auto& call : calls) call.Get();
      calls.clear();
    }
    for (auto* node : nodes) {
      EXPECT_EQ(node->Nodes().size(), nodes.size());  // the others and home
    }
  }
}

TEST(MessengerDial, ANodeThatIsNotThereIsLost) {
  Application application;
  auto& two = application.BackEnd(2);
  EXPECT_NE(FailureOf(Call(two, 9)).find("not connected with the front-end"),
            std::string::npos);
  EXPECT_NE(FailureOf(Call(two, 2)), "") << "a node doesn't dial itself";
  application.directory->SetAddress(8, {Ipv4Address{0x7F000001}, 1});
  EXPECT_NE(FailureOf(Call(two, 8)), "") << "nobody listens there";
  auto port = application.BackEnd(3).Listen(kSecret).port;
  application.directory->SetAddress(7, {Ipv4Address{0x7F000001}, port});
  EXPECT_NE(FailureOf(Call(two, 7)).find("node 3 answers in place of 7"),
            std::string::npos);
  Call(two, kFrontEndNode).Get();
}

TEST(MessengerDial, TheFrontEndTellsWhenANodeIsLost) {
  Application application;
  auto& two = application.BackEnd(2);
  application.BackEnd(3);
  auto call = Call(two, 3, kNeverAnswer, 1h);
  while (!Knows(two, 3)) SleepFor(1ms).Get();
  application.Front().ForgetNode(3, "its machine was unplugged");
  EXPECT_NE(FailureOf(std::move(call)).find("unplugged"), std::string::npos);
  EXPECT_NE(FailureOf(Call(two, 3)).find("not connected with the front-end"),
            std::string::npos);
}

/// Where `node` is said to be: a port at which the test takes what comes.
class Impostor {
 public:
  Impostor(Application& application, NodeId node)
      : listener_(network_manager->Listen(
            0, [this](std::unique_ptr<TcpConnection> connection) {
              peer = std::make_unique<TestPeer>(std::move(connection));
            })) {
    application.directory->SetAddress(
        node, {Ipv4Address{0x7F000001}, listener_->Local().port});
  }

  void AwaitHello() {
    while (peer == nullptr || peer->frames.empty()) SleepFor(1ms).Get();
  }

  std::unique_ptr<TestPeer> peer;

 private:
  std::unique_ptr<TcpListener> listener_;
};

TEST(MessengerDial, ACallPastItsDeadlineDoesNotWaitForTheDial) {
  Application application;
  auto& two = application.BackEnd(2);
  Impostor mute(application, 3);
  auto late = Call(two, 3, kAnswer, 5ms);
  auto patient = Call(two, 3, kAnswer, 1h);
  EXPECT_THROW(late.Get(), DeadlineExceeded);
  mute.AwaitHello();
  mute.peer->SendHello(3, kSecret);
  ASSERT_TRUE(mute.peer->Await([&] { return mute.peer->frames.size() > 1; }));
  EXPECT_EQ(mute.peer->frames[1].header.kind, FrameKind::kCall);
  mute.peer->connection->Send(
      MakeFrame({.kind = FrameKind::kReply,
                 .request = mute.peer->frames[1].header.request},
                nullptr));
  patient.Get();
  EXPECT_EQ(mute.peer->frames.size(), 2u) << "the late call isn't sent";
}

TEST(MessengerDial, ANodeThatDoesNotReadIsLost) {
  Application application;
  auto& two = application.BackEnd(2);
  two.SetPatience(50ms);
  Impostor deaf(application, 3);
  auto first = Call(two, 3, kAnswer, 1h);
  deaf.AwaitHello();
  deaf.peer->SendHello(3, kSecret);
  ASSERT_TRUE(deaf.peer->Await([&] { return deaf.peer->frames.size() == 2; }));
  deaf.peer->connection->PauseReceive();
  // More than the buffers on the way hold.
  std::vector<Future<RawMessage>> calls;
  for (int i = 0; i < 64; ++i) {
    calls.push_back(two.Call({3, 0, ProtocolId(kEcho), kAnswer},
                             IOBuf::Copy(std::string(256 << 10, 'x')), 1h));
  }
  for (auto& call : calls) {
    EXPECT_NE(FailureOf(std::move(call)).find("doesn't read"),
              std::string::npos);
  }
  EXPECT_NE(FailureOf(std::move(first)), "");
  // What was queued is dropped, not kept until somebody reads it after all.
  deaf.peer->connection->ResumeReceive();
  EXPECT_TRUE(deaf.peer->AwaitClosed());
  EXPECT_LT(deaf.peer->received_bytes, size_t{64} * (256 << 10));
}

TEST(MessengerDial, ANodeThatReadsSlowlyIsNotLost) {
  Application application;
  auto& two = application.BackEnd(2);
  constexpr auto kPatience = 500ms;
  two.SetPatience(kPatience);
  Impostor slow(application, 3);
  auto first = Call(two, 3, kAnswer, 1h);
  slow.AwaitHello();
  slow.peer->SendHello(3, kSecret);
  ASSERT_TRUE(slow.peer->Await([&] { return slow.peer->frames.size() == 2; }));
  // More than is read, or lies in buffers on the way, before this is over.
  static const std::string block(1'000'000, 'x');
  constexpr size_t kCalls = 256;
  std::vector<Future<RawMessage>> calls;
  for (size_t i = 0; i < kCalls; ++i) {
    calls.push_back(
        two.Call({3, 0, ProtocolId(kEcho), kAnswer}, IOBuf::Wrap(block), 1h));
  }
  // A little now and then, for several times its patience: so much that Linux
  // lets the sender's socket take more before that is over.
  constexpr size_t kRead = 512 << 10;
  auto& peer = *slow.peer;
  auto end = Clock::now() + 3 * kPatience;
  while (Clock::now() < end && !peer.closed) {
    peer.connection->PauseReceive();
    SleepFor(kPatience / 10).Get();
    size_t enough = peer.received_bytes + kRead;
    peer.connection->ResumeReceive();
    while (peer.received_bytes < enough && !peer.closed) {
      SleepFor(0ms).Get();
    }
  }
  EXPECT_FALSE(peer.closed);
  EXPECT_FALSE(first.Ready());
}

/// `node` has dialed node 3, which the test plays, and has said hello.
struct Crossing {
  explicit Crossing(NodeId node)
      : messenger(application.BackEnd(node)),
        listens{Ipv4Address{0x7F000001}, messenger.Listen(kSecret).port},
        three(application, 3),
        call(Call(messenger, 3)) {
    three.AwaitHello();
  }

  Application application;
  Messenger& messenger;
  Endpoint listens;
  Impostor three;
  Future<RawMessage> call;
};

TEST(MessengerDial, TheSmallerNodesDialIsKept) {
  Crossing two(2);
  TestPeer crossing(two.listens);
  crossing.SendHello(3, kSecret);
  EXPECT_TRUE(crossing.AwaitClosed());
  ASSERT_EQ(crossing.frames.size(), 1u);
  EXPECT_EQ(crossing.frames[0].header.kind, FrameKind::kCrossed);
  EXPECT_FALSE(two.three.peer->closed);
}

TEST(MessengerDial, TheGreaterNodeTakesTheOthersDial) {
  Crossing five(5);
  TestPeer crossing(five.listens);
  crossing.SendHello(3, kSecret);
  ASSERT_TRUE(crossing.Await([&] { return crossing.frames.size() == 2; }));
  EXPECT_EQ(crossing.frames[0].header.kind, FrameKind::kHello);
  EXPECT_EQ(crossing.frames[1].header.kind, FrameKind::kCall);
  EXPECT_TRUE(five.three.peer->AwaitClosed());
}

TEST(MessengerDial, WhoIsToldThatDialsCrossedWaitsForTheOther) {
  Crossing five(5);
  five.three.peer->connection->Send(
      MakeFrame({.kind = FrameKind::kCrossed}, nullptr));
  EXPECT_TRUE(five.three.peer->AwaitClosed());
  EXPECT_FALSE(five.call.Ready());
  TestPeer theirs(five.listens);
  theirs.SendHello(3, kSecret);
  ASSERT_TRUE(theirs.Await([&] { return theirs.frames.size() == 2; }));
  EXPECT_EQ(theirs.frames[1].header.kind, FrameKind::kCall);
}

/// Knows nobody, and says so when it is told to.
struct SlowDirectory : Messenger::Directory {
  void Up(NodeId, Endpoint) override {}
  void Lost(NodeId, const std::string&) override {}
  std::unique_ptr<IOBuf> Where(NodeId) override {
    told.GetFuture().Get();
    throw std::runtime_error("never heard of it");
  }
  Promise<> told;
};

TEST(MessengerDial, ALateAnswerDoesNotEndTheConnectionThatWasQuicker) {
  Application application;
  auto& five = application.BackEnd(5);
  auto port = five.Listen(kSecret).port;
  SlowDirectory directory;
  application.Front().SetDirectory(&directory);
  auto call = Call(five, 3, kAnswer, 1h);
  SleepFor(5ms).Get();  // the front-end has been asked
  TestPeer three({Ipv4Address{0x7F000001}, port});
  three.SendHello(3, kSecret);
  ASSERT_TRUE(three.Await([&] { return three.frames.size() == 2; }));
  directory.told.SetValue();
  SleepFor(20ms).Get();
  EXPECT_FALSE(three.closed);
  EXPECT_FALSE(call.Ready());
  application.Front().SetDirectory(application.directory);
}

}  // namespace
}  // namespace ebbrt
