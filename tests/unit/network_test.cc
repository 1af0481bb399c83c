// What NetworkManager promises, over the loopback.
#include "common/network_manager.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include "common/event_manager.h"
#include "common/timer.h"

namespace ebbrt {
namespace {

using namespace std::chrono_literals;

constexpr Ipv4Address kLoopback{0x7F000001};
constexpr IpAddress kLoopback6{0, 1};  // ::1

/// Why tests of IPv6 can't run here; empty if they can. A back-end always has
/// ::1, Linux unless it was configured without.
std::string NoIpv6() {
  try {
    auto listener = network_manager->Listen(0, [](auto) {});
    network_manager->Connect({kLoopback6, listener->Local().port}).Get();
    return "";
  } catch (const std::system_error& error) {
    if (error.code() != std::errc::address_not_available &&
        error.code() != std::errc::network_unreachable &&
        error.code() != std::errc::address_family_not_supported) {
      throw;
    }
    return std::string("this host has no ::1: ") + error.what();
  }
}

/// Collects what happens on a connection.
class Recorder : public TcpConnection::Handler {
 public:
  explicit Recorder(std::unique_ptr<TcpConnection> c)
      : connection(std::move(c)) {
    connection->SetHandler(this);
  }
  void OnReceive(std::unique_ptr<IOBuf> data) override {
    received += data->ToString();
    if (on_receive) on_receive();
  }
  void OnClosed(std::error_code e) override {
    closed = true;
    error = e;
  }
  void OnDrained() override {
    ++drained;
    queued_at_drained = std::max(queued_at_drained, connection->QueuedBytes());
  }
  void OnEnd() override { ended = true; }

  std::unique_ptr<TcpConnection> connection;
  std::string received;
  MoveFunction<void()> on_receive;
  std::error_code error;
  int drained = 0;
  size_t queued_at_drained = 0;
  bool closed = false;
  bool ended = false;
};

template <typename F>
bool Await(F condition) {
  for (int i = 0; i < 1000 && !condition(); ++i) SleepFor(5ms).Get();
  return condition();
}

/// Both ends of one connection.
struct Pair {
  explicit Pair(IpAddress at = kLoopback) {
    auto listener =
        network_manager->Listen(0, [this](std::unique_ptr<TcpConnection> c) {
          server = std::make_unique<Recorder>(std::move(c));
        });
    client = std::make_unique<Recorder>(
        network_manager->Connect({at, listener->Local().port}).Get());
    EXPECT_TRUE(Await([this] { return server != nullptr; }));
  }
  std::unique_ptr<Recorder> server;
  std::unique_ptr<Recorder> client;
};

TEST(Network, BytesArriveInOrderBothWays) {
  Pair pair;
  pair.client->connection->Send(IOBuf::Copy("hello "));
  pair.client->connection->Send(IOBuf::Copy("there"));
  EXPECT_TRUE(Await([&] { return pair.server->received == "hello there"; }));
  pair.server->connection->Send(IOBuf::Copy("back"));
  EXPECT_TRUE(Await([&] { return pair.client->received == "back"; }));
  EXPECT_EQ(pair.client->connection->Remote(),
            pair.server->connection->Local());
}

TEST(Network, AMegabyteAndOnDrained) {
  Pair pair;
  std::string data(1 << 20, '\0');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 31);
  pair.client->connection->Send(IOBuf::Copy(data));
  EXPECT_GT(pair.client->connection->QueuedBytes(), 0u);
  EXPECT_TRUE(
      Await([&] { return pair.server->received.size() == data.size(); }));
  EXPECT_TRUE(pair.server->received == data);
  EXPECT_TRUE(Await([&] { return pair.client->drained > 0; }));
  EXPECT_EQ(pair.client->connection->QueuedBytes(), 0u);
}

TEST(Network, OnDrainedComesAtTheLowWaterMark) {
  Pair pair;
  pair.server->connection->PauseReceive();
  // More than what lies between the two can hold.
  std::string data(8 << 20, 'w');
  pair.client->connection->SetLowWater(data.size() - 1);
  pair.client->connection->Send(IOBuf::Copy(data));
  EXPECT_TRUE(Await([&] { return pair.client->drained > 0; }));
  EXPECT_GT(pair.client->connection->QueuedBytes(), 0u);
  pair.server->connection->ResumeReceive();
  EXPECT_TRUE(
      Await([&] { return pair.client->connection->QueuedBytes() == 0; }));
  EXPECT_EQ(pair.client->drained, 1);
  pair.client->connection->Send(IOBuf::Copy("below the mark"));
  EXPECT_TRUE(
      Await([&] { return pair.server->received.size() == data.size() + 14; }));
  EXPECT_EQ(pair.client->drained, 1);
}

TEST(Network, OnDrainedOnlyWhileTheQueueIsDown) {
  Pair pair;
  pair.server->on_receive = [&] {
    if (pair.server->received.size() == 1000) {
      pair.server->connection->Send(IOBuf::Copy("acknowledges all"));
    }
  };
  // By the time that it would be told, there is more.
  pair.client->on_receive = [&] {
    pair.client->connection->Send(IOBuf::Copy(std::string(2000, 'm')));
  };
  pair.client->connection->Send(IOBuf::Copy(std::string(1000, 'f')));
  EXPECT_TRUE(Await([&] { return pair.server->received.size() == 3000; }));
  EXPECT_TRUE(
      Await([&] { return pair.client->connection->QueuedBytes() == 0; }));
  EXPECT_TRUE(Await([&] { return pair.client->drained > 0; }));
  EXPECT_EQ(pair.client->queued_at_drained, 0u);
  EXPECT_LE(pair.client->drained, 2);
}

TEST(Network, CloseSendsWhatIsQueuedThenTheEnd) {
  Pair pair;
  std::string data(300'000, 'q');
  pair.client->connection->Send(IOBuf::Copy(data));
  pair.client.reset();  // destruction closes
  EXPECT_TRUE(Await([&] { return pair.server->closed; }));
  EXPECT_EQ(pair.server->received.size(), data.size());
  EXPECT_FALSE(pair.server->error);
}

TEST(Network, AbortResetsThePeer) {
  Pair pair;
  pair.client->connection->Abort();
  EXPECT_TRUE(Await([&] { return pair.server->closed; }));
  EXPECT_EQ(pair.server->error,
            std::make_error_condition(std::errc::connection_reset));
}

TEST(Network, PauseHoldsReceivingBack) {
  Pair pair;
  pair.server->connection->PauseReceive();
  pair.client->connection->Send(IOBuf::Copy("first"));
  SleepFor(20ms).Get();
  // What was under way when Pause came may still arrive; what follows may not.
  std::string before = pair.server->received;
  pair.client->connection->Send(IOBuf::Copy("second"));
  SleepFor(20ms).Get();
  EXPECT_EQ(pair.server->received, before);
  pair.server->connection->ResumeReceive();
  EXPECT_TRUE(Await([&] { return pair.server->received == "firstsecond"; }));
}

TEST(Network, TheEndWaitsWhileReceivingIsPaused) {
  Pair pair;
  pair.client->connection->Send(IOBuf::Copy("first"));
  ASSERT_TRUE(Await([&] { return pair.server->received == "first"; }));
  pair.server->connection->PauseReceive();
  pair.client->connection->Send(IOBuf::Copy("last"));
  pair.client.reset();
  SleepFor(50ms).Get();
  EXPECT_FALSE(pair.server->closed);
  pair.server->connection->ResumeReceive();
  EXPECT_TRUE(Await([&] { return pair.server->closed; }));
  EXPECT_FALSE(pair.server->error);
  EXPECT_EQ(pair.server->received, "firstlast");
}

TEST(Network, HalfOpenEachDirectionEndsByItself) {
  Pair pair;
  pair.client->connection->AllowHalfOpen();
  pair.server->connection->AllowHalfOpen();
  pair.client->connection->Send(IOBuf::Copy(std::string(200'000, 'q')));
  pair.client->connection->EndSend();
  pair.client->connection->Send(IOBuf::Copy("too late"));
  EXPECT_TRUE(Await([&] { return pair.server->ended; }));
  EXPECT_EQ(pair.server->received.size(), 200'000u);
  EXPECT_FALSE(pair.server->closed);

  pair.server->connection->Send(IOBuf::Copy(std::string(200'000, 'a')));
  EXPECT_TRUE(Await([&] { return pair.client->received.size() == 200'000; }));
  EXPECT_FALSE(pair.client->ended);
  pair.server->connection->EndSend();
  EXPECT_TRUE(Await([&] { return pair.client->ended; }));
  EXPECT_FALSE(pair.client->closed);
  pair.client.reset();
  pair.server.reset();
}

TEST(Network, HalfOpenTellsOfAReset) {
  Pair pair;
  pair.server->connection->AllowHalfOpen();
  pair.server->connection->EndSend();
  pair.client->connection->AllowHalfOpen();
  EXPECT_TRUE(Await([&] { return pair.client->ended; }));
  pair.client->connection->Abort();
  EXPECT_TRUE(Await([&] { return pair.server->closed; }));
  EXPECT_EQ(pair.server->error,
            std::make_error_condition(std::errc::connection_reset));
}

TEST(Network, AnAddressIsListenedOnAndConnectedFrom) {
  std::unique_ptr<Recorder> server;
  auto listener = network_manager->Listen(
      Endpoint{kLoopback, 0}, [&](std::unique_ptr<TcpConnection> c) {
        server = std::make_unique<Recorder>(std::move(c));
      });
  uint16_t port = listener->Local().port;
  constexpr Ipv4Address kOther{0x7F000002};
  // The other address of the loopback's is somebody else's.
  EXPECT_THROW(network_manager->Connect({kOther, port}).Get(),
               std::system_error);
  auto from = network_manager->Connect({kLoopback, port}, {kOther, 0}).Get();
  EXPECT_TRUE(Await([&] { return server != nullptr; }));
  EXPECT_EQ(server->connection->Remote().address, IpAddress(kOther));
}

TEST(Network, APortIsListenedOnAgainWhileItsConnectionsLive) {
  Pair pair;
  uint16_t port = pair.server->connection->Local().port;
  auto again = network_manager->Listen(port, [](auto) {});
  EXPECT_EQ(again->Local().port, port);
  EXPECT_THROW(network_manager->Listen(port, [](auto) {}), std::system_error);
  pair.client->connection->Send(IOBuf::Copy("still here"));
  EXPECT_TRUE(Await([&] { return pair.server->received == "still here"; }));
}

/// A peer that sends byte by byte to somebody who doesn't read must not fill
/// memory with nearly empty buffers.
TEST(Network, LittlePiecesThatWaitSharePieces) {
  struct Counter : TcpConnection::Handler {
    void OnReceive(std::unique_ptr<IOBuf> data) override {
      pieces += data->CountChain();
      bytes += data->ChainLength();
    }
    void OnClosed(std::error_code) override {}
    size_t pieces = 0;
    size_t bytes = 0;
  } counter;
  std::unique_ptr<TcpConnection> server;
  auto listener =
      network_manager->Listen(0, [&](std::unique_ptr<TcpConnection> c) {
        server = std::move(c);
        server->SetHandler(&counter);
        server->PauseReceive();
      });
  Recorder client(
      network_manager->Connect({kLoopback, listener->Local().port}).Get());
  for (int i = 0; i < 200; ++i) {
    client.connection->Send(IOBuf::Copy("x"));
    SleepFor(0ms).Get();
  }
  ASSERT_TRUE(Await([&] { return server != nullptr; }));
  SleepFor(50ms).Get();
  server->ResumeReceive();
  ASSERT_TRUE(Await([&] { return counter.bytes == 200; }));
  EXPECT_LT(counter.pieces, 20u);
}

TEST(Network, AConnectionMayEndInsideItsOwnCallback) {
  Pair pair;
  pair.server->on_receive = [&] { pair.server->connection.reset(); };
  pair.client->connection->Send(IOBuf::Copy("end"));
  EXPECT_TRUE(Await([&] { return pair.client->closed; }));
}

TEST(Network, AHandlerMayBlock) {
  Pair pair;
  bool resumed = false;
  pair.server->on_receive = [&] {
    SleepFor(10ms).Get();
    resumed = true;
  };
  pair.client->connection->Send(IOBuf::Copy("wait"));
  EXPECT_TRUE(Await([&] { return resumed; }));
}

TEST(Network, EveryAddressOfTheLoopbackNetworkIsThisNode) {
  std::unique_ptr<Recorder> server;
  auto listener =
      network_manager->Listen(0, [&](std::unique_ptr<TcpConnection> c) {
        server = std::make_unique<Recorder>(std::move(c));
      });
  Endpoint elsewhere{Ipv4Address{0x7F010203}, listener->Local().port};
  Recorder client(network_manager->Connect(elsewhere).Get());
  ASSERT_TRUE(Await([&] { return server != nullptr; }));
  EXPECT_EQ(client.connection->Remote(), elsewhere);
  EXPECT_EQ(server->connection->Local(), elsewhere);
  client.connection->Send(IOBuf::Copy("round"));
  EXPECT_TRUE(Await([&] { return server->received == "round"; }));
}

TEST(Network6, BytesArriveBothWaysAtOneListenerOfBoth) {
  if (auto why = NoIpv6(); !why.empty()) GTEST_SKIP() << why;
  Pair pair(kLoopback6);
  EXPECT_EQ(pair.client->connection->Remote().address, kLoopback6);
  EXPECT_EQ(pair.client->connection->Local(),
            pair.server->connection->Remote());
  std::string data(1 << 20, '\0');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 31);
  pair.client->connection->Send(IOBuf::Copy(data));
  pair.server->connection->Send(IOBuf::Copy("back"));
  EXPECT_TRUE(
      Await([&] { return pair.server->received.size() == data.size(); }));
  EXPECT_TRUE(pair.server->received == data);
  EXPECT_TRUE(Await([&] { return pair.client->received == "back"; }));
  pair.client.reset();
  EXPECT_TRUE(Await([&] { return pair.server->closed; }));
}

TEST(Network6, AListenerServesIpv4AsIpv4) {
  Pair pair;
  EXPECT_TRUE(pair.server->connection->Remote().address.IsV4());
  EXPECT_TRUE(pair.server->connection->Local().address.IsV4());
}

TEST(Network6, RefusedConnectionsFail) {
  if (auto why = NoIpv6(); !why.empty()) GTEST_SKIP() << why;
  uint16_t port = network_manager->Listen(0, [](auto) {})->Local().port;
  try {
    network_manager->Connect({kLoopback6, port}).Get();
    FAIL() << "connected to a port that nobody listens on";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::connection_refused);
    EXPECT_NE(std::string(error.what()).find("[::1]:"), std::string::npos);
  }
}

/// Neither end's answers may be delivered inside the other's callback, or this
/// would need a stack that grows with every round.
TEST(Network, AnsweringInCallbacksDoesNotNest) {
  Pair pair;
  int depth = 0;
  int deepest = 0;
  int rounds = 0;
  auto answer = [&](Recorder& end) {
    deepest = std::max(deepest, ++depth);
    if (++rounds < 2000) end.connection->Send(IOBuf::Copy("."));
    --depth;
  };
  pair.server->on_receive = [&] { answer(*pair.server); };
  pair.client->on_receive = [&] { answer(*pair.client); };
  pair.client->connection->Send(IOBuf::Copy("."));
  EXPECT_TRUE(Await([&] { return rounds == 2000; }));
  EXPECT_EQ(deepest, 1);
}

/// What a receiver keeps is its own: the sender's bytes are gone by then.
TEST(Network, WhatIsReceivedOutlivesTheSender) {
  struct Keeper : TcpConnection::Handler {
    void OnReceive(std::unique_ptr<IOBuf> data) override {
      kept = JoinChains(std::move(kept), std::move(data));
    }
    void OnClosed(std::error_code) override { closed = true; }
    std::unique_ptr<IOBuf> kept;
    bool closed = false;
  } keeper;
  std::unique_ptr<TcpConnection> server;
  auto listener =
      network_manager->Listen(0, [&](std::unique_ptr<TcpConnection> c) {
        server = std::move(c);
        server->SetHandler(&keeper);
      });
  std::string data(100'000, '\0');
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7);
  {
    Recorder client(
        network_manager->Connect({kLoopback, listener->Local().port}).Get());
    auto bytes = IOBuf::Copy(data);
    client.connection->Send(std::move(bytes));
  }
  ASSERT_TRUE(Await([&] { return keeper.closed; }));
  // Whoever allocates now gets the sender's memory.
  std::string other(data.size(), 'x');
  EXPECT_TRUE(keeper.kept->ToString() == data);
}

TEST(Network, RefusedConnectionsFail) {
  auto listener = network_manager->Listen(0, [](auto) {});
  Endpoint gone = {kLoopback, listener->Local().port};
  listener.reset();
  try {
    network_manager->Connect(gone).Get();
    FAIL() << "connected to a port that nobody listens on";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(),
              std::make_error_condition(std::errc::connection_refused));
  }
}

TEST(Network, ListeningTwiceOnAPortFails) {
  auto listener = network_manager->Listen(0, [](auto) {});
  EXPECT_THROW(network_manager->Listen(listener->Local().port, [](auto) {}),
               std::system_error);
}

// --- UDP ---------------------------------------------------------------------

/// A UDP port that collects what comes.
struct Mailbox {
  struct Letter {
    Endpoint from;
    std::string text;
  };
  Mailbox()
      : socket(network_manager->BindUdp(
            0, [this](Endpoint from, std::unique_ptr<IOBuf> data) {
              letters.push_back({from, data ? data->ToString() : ""});
              if (on_letter) on_letter();
            })) {}
  Endpoint Address() const { return {kLoopback, socket->Local().port}; }

  std::vector<Letter> letters;
  MoveFunction<void()> on_letter;
  std::unique_ptr<UdpSocket> socket;
};

TEST(Udp, ADatagramArrivesWholeWithItsSender) {
  Mailbox a;
  Mailbox b;
  auto data = IOBuf::Copy("two ");
  data->AppendChain(IOBuf::Copy("pieces"));
  a.socket->SendTo(b.Address(), std::move(data));
  a.socket->SendTo(b.Address(), IOBuf::Copy("and another"));
  ASSERT_TRUE(Await([&] { return b.letters.size() == 2; }));
  EXPECT_EQ(b.letters[0].text, "two pieces");
  EXPECT_EQ(b.letters[1].text, "and another");
  EXPECT_EQ(b.letters[0].from, a.Address());
  b.socket->SendTo(b.letters[0].from, IOBuf::Copy("back"));
  ASSERT_TRUE(Await([&] { return a.letters.size() == 1; }));
  EXPECT_EQ(a.letters[0].text, "back");
}

TEST(Udp, ADatagramMayBeInManyPieces) {
  Mailbox a;
  Mailbox b;
  std::string text;
  std::unique_ptr<IOBuf> pieces;
  for (int i = 0; i < 100; ++i) {
    text += std::to_string(i);
    pieces = JoinChains(std::move(pieces), IOBuf::Copy(std::to_string(i)));
  }
  a.socket->SendTo(b.Address(), std::move(pieces));
  ASSERT_TRUE(Await([&] { return b.letters.size() == 1; }));
  EXPECT_EQ(b.letters[0].text, text);
}

TEST(Udp, DatagramsOfEverySize) {
  Mailbox a;
  Mailbox b;
  for (size_t size : {size_t{0}, size_t{1}, size_t{1472}, size_t{1473},
                      size_t{9000}, UdpSocket::kMaxPayload}) {
    std::string text(size, '\0');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 31);
    b.letters.clear();
    a.socket->SendTo(b.Address(), size == 0 ? nullptr : IOBuf::Copy(text));
    ASSERT_TRUE(Await([&] { return b.letters.size() == 1; })) << size;
    EXPECT_TRUE(b.letters[0].text == text) << size;
  }
  try {
    a.socket->SendTo(b.Address(),
                     IOBuf::Create(UdpSocket::kMaxPayload + 1));  // empty
    auto large = IOBuf::Create(UdpSocket::kMaxPayload + 1);
    large->Append(UdpSocket::kMaxPayload + 1);
    a.socket->SendTo(b.Address(), std::move(large));
    FAIL() << "did not throw";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::message_size);
  }
}

TEST(Udp, OnePortServesBothProtocols) {
  if (auto why = NoIpv6(); !why.empty()) GTEST_SKIP() << why;
  Mailbox a;
  Mailbox b;
  const uint16_t port = b.socket->Local().port;
  for (size_t size : {size_t{0}, size_t{1}, size_t{9000}, UdpSocket::kMaxPayload6}) {
    std::string text(size, '6');
    b.letters.clear();
    a.socket->SendTo({kLoopback6, port},
                     size == 0 ? nullptr : IOBuf::Copy(text));
    ASSERT_TRUE(Await([&] { return b.letters.size() == 1; })) << size;
    EXPECT_TRUE(b.letters[0].text == text) << size;
  }
  EXPECT_EQ(b.letters[0].from,
            (Endpoint{kLoopback6, a.socket->Local().port}));
  auto large = IOBuf::Create(UdpSocket::kMaxPayload6 + 1);
  large->Append(UdpSocket::kMaxPayload6 + 1);
  EXPECT_THROW(a.socket->SendTo({kLoopback6, port}, std::move(large)),
               std::system_error);
  b.socket->SendTo(b.letters[0].from, IOBuf::Copy("by six"));
  b.socket->SendTo(a.Address(), IOBuf::Copy("by four"));
  ASSERT_TRUE(Await([&] { return a.letters.size() == 2; }));
  EXPECT_EQ(a.letters[0].text, "by six");
  EXPECT_EQ(a.letters[1].from, b.Address());
}

TEST(Udp, APortIsBoundOnce) {
  Mailbox a;
  uint16_t port = a.socket->Local().port;
  auto nobody = [](Endpoint, std::unique_ptr<IOBuf>) {};
  try {
    auto second = network_manager->BindUdp(port, nobody);
    FAIL() << "did not throw";
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::address_in_use);
    EXPECT_NE(std::string(error.what()).find(std::to_string(port)),
              std::string::npos);
  }
  a.socket.reset();
  auto again = network_manager->BindUdp(port, nobody);
  EXPECT_EQ(again->Local().port, port);
}

TEST(Udp, AHandlerMayBlockThrowAndEndItsSocket) {
  Mailbox a;
  Mailbox b;
  int calls = 0;
  int inside = 0;
  b.on_letter = [&] {
    EXPECT_EQ(inside++, 0) << "one at a time";
    ++calls;
    SleepFor(2ms).Get();
    --inside;
    if (calls == 2) throw std::runtime_error("the second is refused");
    if (calls == 3) b.socket.reset();
  };
  for (int i = 0; i < 5; ++i) a.socket->SendTo(b.Address(), IOBuf::Copy("x"));
  EXPECT_TRUE(Await([&] { return b.socket == nullptr; }));
  SleepFor(10ms).Get();
  EXPECT_EQ(calls, 3);
}

TEST(Udp, WhereNobodyListensItIsLost) {
  Mailbox a;
  uint16_t closed = Mailbox().Address().port;
  a.socket->SendTo({kLoopback, closed}, IOBuf::Copy("hello?"));
  SleepFor(5ms).Get();
  Mailbox b;
  a.socket->SendTo(b.Address(), IOBuf::Copy("still"));
  EXPECT_TRUE(Await([&] { return b.letters.size() == 1; }));
}

}  // namespace
}  // namespace ebbrt
