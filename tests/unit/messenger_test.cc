// The front-end's messenger against peers of every kind: here the peer is a
// plain TCP connection that the test speaks frames on.
#include "common/messenger.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/deadline.h"
#include "common/frame.h"
#include "common/global_id_map.h"
#include "common/home_ebb.h"
#include "common/local_id_map.h"
#include "common/network_manager.h"
#include "common/runtime.h"
#include "common/timer.h"
#include "platform/runtime_port.h"
#include "tests/unit/messenger_peer.h"

namespace ebbrt {
namespace {

using namespace std::chrono_literals;

TEST(MessengerTest, ProvesItselfAndAcceptsAProof) {
  TestPeer peer(MessengerEndpoint());
  peer.SendHello(20, runtime::Boot().secret);
  messenger->WaitForNode(20).Get();
  ASSERT_TRUE(peer.Await([&] { return !peer.frames.empty(); }));
  EXPECT_EQ(peer.frames[0].header.kind, FrameKind::kHello);
  messenger->ForgetNode(20, "the test is over");
  EXPECT_TRUE(peer.AwaitClosed());
}

TEST(MessengerTest, WhatGoesOverAConnectionIsCounted) {
  TestPeer peer(MessengerEndpoint());
  peer.SendHello(19, runtime::Boot().secret);
  messenger->WaitForNode(19).Get();
  auto call =
      messenger->Call({19, 1, 1, 0}, IOBuf::Copy(std::string(500, 'x')));
  ASSERT_TRUE(peer.Await([&] { return peer.frames.size() == 2; }));
  auto traffic = messenger->TrafficByNode();
  auto found = std::find_if(traffic.begin(), traffic.end(),
                            [](const auto& one) { return one.first == 19; });
  ASSERT_NE(found, traffic.end());
  EXPECT_EQ(found->second.sent_bytes, peer.received_bytes);
  if constexpr (platform::kMayBeFrontEnd) {
    EXPECT_EQ(found->second.sent_messages, 2u);
    EXPECT_EQ(found->second.received_messages, 1u);
    EXPECT_GT(found->second.received_bytes, sizeof(Secret));
  }
  messenger->ForgetNode(19, "the test is over");
  EXPECT_THROW(call.Get(), NodeLost);
}

TEST(MessengerTest, AWrongSecretIsRefused) {
  TestPeer peer(MessengerEndpoint());
  Secret wrong = runtime::Boot().secret;
  wrong[15] ^= 1;
  peer.SendHello(21, wrong);
  EXPECT_TRUE(peer.AwaitClosed());
  EXPECT_NE(peer.LastText().find("wrong secret"), std::string::npos);
  EXPECT_EQ(peer.frames.size(), 1u) << "it learns no secret";
}

TEST(MessengerTest, NothingIsServedBeforeTheProof) {
  TestPeer peer(MessengerEndpoint());
  peer.connection->Send(
      MakeFrame({.kind = FrameKind::kCall, .ebb = kGlobalIdMapId}, nullptr));
  EXPECT_TRUE(peer.AwaitClosed());
  EXPECT_NE(peer.LastText().find("no hello"), std::string::npos);
}

TEST(MessengerTest, GarbageOversizeAndForeignVersionsAreRefused) {
  for (std::string bytes : {std::string(64, 'x'),
                            MakeFrame({.version = 99}, nullptr)->ToString()}) {
    TestPeer peer(MessengerEndpoint());
    peer.connection->Send(IOBuf::Copy(bytes));
    EXPECT_TRUE(peer.AwaitClosed());
  }
  TestPeer peer(MessengerEndpoint());  // before the proof a long frame is
                                       // refused by its header
  peer.connection->Send(MakeFrame({}, IOBuf::Copy(std::string(5000, 'x'))));
  EXPECT_TRUE(peer.AwaitClosed());
}

TEST(MessengerTest, AConnectionThatStopsInAFrameEndsQuietly) {
  TestPeer peer(MessengerEndpoint());
  peer.SendHello(22, runtime::Boot().secret);
  messenger->WaitForNode(22).Get();
  auto call = messenger->Call({22, ApplicationEbbId(1), 1, 0}, nullptr);
  auto half = MakeFrame({.kind = FrameKind::kReply, .request = 1},
                        IOBuf::Copy("half of it"));
  half = Coalesce(std::move(half));
  half->TrimEnd(3);
  peer.connection->Send(std::move(half));
  peer.connection->Close();
  EXPECT_THROW(call.Get(), NodeLost) << "who waits for the answer is told";
}

TEST(MessengerTest, ACallToANodeThatIsNotThereFails) {
  EXPECT_THROW(messenger->Call({999, 1, 1, 0}, nullptr).Get(), NodeLost);
}

TEST(MessengerTest, ACallPastItsDeadlineFailsAndItsLateAnswerIsNoError) {
  TestPeer peer(MessengerEndpoint());
  peer.SendHello(27, runtime::Boot().secret);
  messenger->WaitForNode(27).Get();
  auto late = messenger->Call({27, 1, 1, 0}, nullptr, 5ms);
  EXPECT_THROW(late.Get(), DeadlineExceeded);
  auto in_time = messenger->Call({27, 1, 1, 0}, nullptr, 1h);
  ASSERT_TRUE(peer.Await([&] { return peer.frames.size() == 3; }));
  capnp::MallocMessageBuilder results;
  results.initRoot<IdMapDone>();
  for (int frame : {1, 2}) {
    peer.connection->Send(
        MakeFrame({.kind = FrameKind::kReply,
                   .request = peer.frames[frame].header.request},
                  EncodeMessage(results)));
  }
  in_time.Get();
  EXPECT_FALSE(peer.closed);
  messenger->ForgetNode(27, "the test is over");
}

/// Answers when it is told to.
class Slow : public HomeEbb<Slow> {
 public:
  static constexpr std::string_view kProtocol = "test.Slow";
  using HomeEbb::HomeEbb;
  Future<> Wait(NodeId, IdMapKey::Reader, IdMapDone::Builder) {
    return told.GetFuture();
  }
  void Refuse(NodeId, IdMapKey::Reader, IdMapDone::Builder) {
    throw std::out_of_range("I will not");
  }
  void Block(NodeId, IdMapKey::Reader, IdMapDone::Builder) {
    unblock.GetFuture().Get();
  }
  using Methods = MethodList<&Slow::Wait, &Slow::Refuse, &Slow::Block>;
  Promise<> unblock;
  Promise<> told;
};
constexpr EbbRef<Slow> slow{ApplicationEbbId(41)};

TEST(MessengerTest, ACallAtHomeHasADeadlineToo) {
  auto call = slow->Call<&Slow::Wait>([](IdMapKey::Builder) {}, 5ms);
  EXPECT_THROW(call.Get(), DeadlineExceeded);
  slow->told.SetValue();  // to nobody
}

TEST(MessengerTest, AMethodThatBlocksAtHomeDoesNotHoldUpItsCaller) {
  auto call = slow->Call<&Slow::Block>([](IdMapKey::Builder) {}, 5ms);
  EXPECT_THROW(call.Get(), DeadlineExceeded);
  slow->unblock.SetValue();
}

TEST(MessengerTest, ACallWithoutDeadlineWaits) {
  auto ebb = Slow::Create();
  auto call =
      ebb->Call<&Slow::Wait>([](IdMapKey::Builder) {}, Clock::duration::max());
  SleepFor(5ms).Get();
  EXPECT_FALSE(call.Ready());
  ebb->told.SetValue();
  call.Get();
  Slow::Destroy(ebb).Get();
  EXPECT_THROW((void)ebb->Call<&Slow::Wait>([](IdMapKey::Builder) {}),
               EbbDestroyed);
}

TEST(MessengerTest, AMethodThatThrowsAtHomeFailsTheFuture) {
  auto call = slow->Call<&Slow::Refuse>([](IdMapKey::Builder) {});
  EXPECT_THROW(call.Get(), std::out_of_range);
}

TEST(MessengerTest, TheEndOfAnEbbIsToldToEveryNode) {
  auto ebb = Slow::Create();
  EbbId id = ebb.Id();
  TestPeer peer(MessengerEndpoint());
  peer.SendHello(28, runtime::Boot().secret);
  messenger->WaitForNode(28).Get();
  auto end = Slow::Destroy(ebb);
  ASSERT_TRUE(peer.Await([&] { return peer.frames.size() == 2; }));
  EXPECT_EQ(peer.frames[1].header.ebb, id);
  EXPECT_EQ(peer.frames[1].header.protocol, ProtocolId("ebbrt.EbbEnd"));
  EXPECT_FALSE(end.Ready()) << "the node may still refer to it";
  peer.connection->Send(MakeFrame(
      {.kind = FrameKind::kReply, .request = peer.frames[1].header.request},
      nullptr));
  end.Get();
  // A late call doesn't bring it back.
  capnp::MallocMessageBuilder key;
  key.initRoot<IdMapKey>();
  peer.SendCall(id, Slow::kProtocol, 9, 1, EncodeMessage(key));
  ASSERT_TRUE(peer.Await([&] { return peer.frames.size() == 3; }));
  EXPECT_NE(peer.LastText().find("destroyed"), std::string::npos);
  // Nor does it reach an Ebb of another type, once that is there.
  (void)global_id_map.Rep();
  peer.SendCall(kGlobalIdMapId, Slow::kProtocol, 10, 1, EncodeMessage(key));
  ASSERT_TRUE(peer.Await([&] { return peer.frames.size() == 4; }));
  EXPECT_NE(peer.LastText().find("another type"), std::string::npos);
  messenger->ForgetNode(28, "the test is over");
}

TEST(MessengerTest, OnlyItsHomeEndsAnEbb) {
  auto ebb = Slow::Create();
  TestPeer peer(MessengerEndpoint());
  peer.SendHello(29, runtime::Boot().secret);
  messenger->WaitForNode(29).Get();
  constexpr EbbId kTheirs = 29u << 16 | 7;
  local_id_map->Insert(kTheirs, LocalIdMap::TypeOf<int>(),
                       std::make_shared<int>(1));
  uint32_t request = 1;
  for (EbbId id : {ebb.Id(), kTheirs}) {
    peer.SendCall(id, "ebbrt.EbbEnd", request++);
  }
  ASSERT_TRUE(peer.Await([&] { return peer.frames.size() == 3; }));
  for (const Frame& frame : peer.frames) {
    if (frame.header.kind == FrameKind::kHello) continue;
    EXPECT_EQ(frame.header.kind, frame.header.request == 1 ? FrameKind::kError
                                                           : FrameKind::kReply);
  }
  EXPECT_NE(local_id_map->Find(ebb.Id()), nullptr);
  EXPECT_EQ(local_id_map->Find(kTheirs), nullptr);
  // A node that goes needs no telling.
  auto end = Slow::Destroy(ebb);
  messenger->ForgetNode(29, "the test is over");
  end.Get();
}

TEST(MessengerTest, CallsAreServedAndErrorsTravelBack) {
  TestPeer peer(MessengerEndpoint());
  peer.SendHello(23, runtime::Boot().secret);
  messenger->WaitForNode(23).Get();
  capnp::MallocMessageBuilder key;
  key.initRoot<IdMapKey>().setEbb(12345);
  peer.connection->Send(
      MakeFrame({.kind = FrameKind::kCall,
                 .ebb = kGlobalIdMapId,
                 .protocol = ProtocolId(GlobalIdMap::kProtocol),
                 .request = 5,
                 .method = 0},
                EncodeMessage(key)));
  ASSERT_TRUE(peer.Await([&] { return peer.frames.size() == 2; }));
  EXPECT_EQ(peer.frames[1].header.kind, FrameKind::kError);
  EXPECT_EQ(peer.frames[1].header.request, 5u);
  EXPECT_NE(peer.LastText().find("12345"), std::string::npos);

  global_id_map->Set(12345, "found").Get();
  // Two in one segment, and one that no protocol serves.
  auto twice = MakeFrame({.kind = FrameKind::kCall,
                          .ebb = kGlobalIdMapId,
                          .protocol = ProtocolId(GlobalIdMap::kProtocol),
                          .request = 6},
                         EncodeMessage(key));
  twice->AppendChain(MakeFrame({.kind = FrameKind::kCall,
                                .ebb = kGlobalIdMapId,
                                .protocol = 1234,
                                .request = 7},
                               EncodeMessage(key)));
  peer.connection->Send(std::move(twice));
  ASSERT_TRUE(peer.Await([&] { return peer.frames.size() == 4; }));
  EXPECT_EQ(peer.frames[2].header.kind, FrameKind::kReply);
  EXPECT_EQ(peer.frames[2].header.request, 6u);
  EXPECT_EQ(peer.frames[3].header.kind, FrameKind::kError);
  messenger->ForgetNode(23, "the test is over");
}

TEST(GlobalIdMapTest, AValueGoesWhenItIsErasedAndWithItsEbb) {
  global_id_map->Set(777, "here").Get();
  EXPECT_EQ(global_id_map->Get(777).Get(), "here");
  global_id_map->Erase(777).Get();
  EXPECT_THROW(global_id_map->Get(777).Get(), std::out_of_range);
  global_id_map->Erase(777).Get();
  auto ebb = Slow::Create();
  global_id_map->Set(ebb.Id(), "of an Ebb").Get();
  Slow::Destroy(ebb).Get();
  EXPECT_THROW(global_id_map->Get(ebb.Id()).Get(), std::out_of_range);
}

TEST(MessengerTest, ParametersThatAreNoMessageFailOnlyTheirCall) {
  TestPeer peer(MessengerEndpoint());
  peer.SendHello(24, runtime::Boot().secret);
  messenger->WaitForNode(24).Get();
  peer.connection->Send(
      MakeFrame({.kind = FrameKind::kCall,
                 .ebb = kGlobalIdMapId,
                 .protocol = ProtocolId(GlobalIdMap::kProtocol),
                 .request = 8},
                IOBuf::Copy(std::string(100, '\xFF'))));
  ASSERT_TRUE(peer.Await([&] { return peer.frames.size() == 2; }));
  EXPECT_EQ(peer.frames[1].header.kind, FrameKind::kError);
  EXPECT_FALSE(peer.closed);
  messenger->ForgetNode(24, "the test is over");
}

/// What a node that has gone mad may send: calls with a few bytes changed. Each
/// is answered, or ends its connection; the messenger serves others as before.
TEST(MessengerTest, MutatedMessagesCostTheirConnectionAtMost) {
  capnp::MallocMessageBuilder key;
  key.initRoot<IdMapKey>().setEbb(1);
  global_id_map->Set(1, "value").Get();
  auto valid = MakeFrame({.kind = FrameKind::kCall,
                          .ebb = kGlobalIdMapId,
                          .protocol = ProtocolId(GlobalIdMap::kProtocol),
                          .request = 1},
                         EncodeMessage(key))
                   ->ToString();
  std::minstd_rand random(1);
  std::unique_ptr<TestPeer> peer;
  size_t answered = 0, closed = 0;
  for (int round = 0; round < 400; ++round) {
    if (peer == nullptr) {
      messenger->ForgetNode(30, "another try");
      peer = std::make_unique<TestPeer>(MessengerEndpoint());
      peer->SendHello(30, runtime::Boot().secret);
      messenger->WaitForNode(30).Get();
    }
    std::string bytes = valid;
    // Most changes are in the message, where they leave the frame whole.
    size_t first = round % 4 == 0 ? 0 : FrameHeader::kSize;
    for (size_t flips = 1 + random() % 3; flips > 0; --flips) {
      size_t place = first + random() % (bytes.size() - first);
      bytes[place] = static_cast<char>(random());
    }
    size_t before = peer->frames.size();
    peer->connection->Send(IOBuf::Copy(bytes));
    // A length that was made greater is waited for: that is no answer either.
    for (int i = 0; i < 10 && peer->frames.size() == before && !peer->closed;
         ++i) {
      SleepFor(1ms).Get();
    }
    (peer->closed ? closed : answered) += 1;
    if (peer->closed || peer->frames.size() == before) peer.reset();
  }
  EXPECT_GT(answered, 0u);
  EXPECT_GT(closed, 0u);
  messenger->ForgetNode(30, "the test is over");
  EXPECT_EQ(global_id_map->Get(1).Get(), "value");
}

TEST(MessengerTest, AnAnswerNobodyAskedForEndsTheConnection) {
  TestPeer peer(MessengerEndpoint());
  peer.SendHello(25, runtime::Boot().secret);
  messenger->WaitForNode(25).Get();
  peer.connection->Send(
      MakeFrame({.kind = FrameKind::kReply, .request = 4242}, nullptr));
  EXPECT_TRUE(peer.AwaitClosed());
  EXPECT_THROW(messenger->Call({25, 1, 1, 0}, nullptr).Get(), NodeLost);
}

TEST(MessengerTest, ASecondNodeOfTheSameIdIsRefused) {
  TestPeer first(MessengerEndpoint());
  first.SendHello(26, runtime::Boot().secret);
  messenger->WaitForNode(26).Get();
  TestPeer second(MessengerEndpoint());
  second.SendHello(26, runtime::Boot().secret);
  EXPECT_TRUE(second.AwaitClosed());
  EXPECT_NE(second.LastText().find("connected already"), std::string::npos);
  EXPECT_FALSE(first.closed);
  messenger->ForgetNode(26, "the test is over");
}

}  // namespace
}  // namespace ebbrt
