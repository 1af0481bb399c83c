// A client's connection, over TCP that the test plays.
#include "apps/memcached/connection.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "tests/unit/memcached_client.h"

namespace ebbrt::memcached {
namespace {

/// What the connection did with its TcpConnection.
struct Wire {
  TcpConnection::Handler* handler = nullptr;
  std::string sent;
  size_t queued = 0;
  size_t low_water = 0;
  bool paused = false;

  /// The client acknowledges all but `bytes`.
  void AcknowledgeTo(size_t bytes) {
    bool was_above = queued > low_water;
    queued = bytes;
    if (was_above && queued <= low_water) handler->OnDrained();
  }
};

class WireConnection : public TcpConnection {
 public:
  explicit WireConnection(Wire& wire) : wire_(wire) {}

  void SetHandler(Handler* handler) override { wire_.handler = handler; }
  void Send(std::unique_ptr<IOBuf> data) override {
    wire_.queued += data->ChainLength();
    wire_.sent += data->ToString();
  }
  size_t QueuedBytes() const override { return wire_.queued; }
  void SetLowWater(size_t bytes) override { wire_.low_water = bytes; }
  void PauseReceive() override { wire_.paused = true; }
  void ResumeReceive() override { wire_.paused = false; }
  void AllowHalfOpen() override {}
  void EndSend() override {}
  void Close() override {}
  void Abort() override {}
  Endpoint Local() const override { return {}; }
  Endpoint Remote() const override { return {}; }

 private:
  Wire& wire_;
};

/// A client that has asked for a value of 100,000 bytes so many times at once.
struct Client {
  static constexpr size_t kSize = 100'000;

  explicit Client(int gets) {
    Say(EncodeStore(Opcode::kSet, "key", std::string(kSize, 'v')));
    wire.AcknowledgeTo(0);
    wire.sent.clear();
    std::string requests;
    for (int i = 0; i < gets; ++i) {
      requests += Encode({.opcode = Opcode::kGet, .key = "key"});
    }
    Say(requests);
  }
  void Say(const std::string& bytes) {
    wire.handler->OnReceive(IOBuf::Copy(bytes));
  }
  size_t Answers() const { return Decode(wire.sent).size(); }

  Store store;
  Service service{store};
  Wire wire;
  std::unique_ptr<Connection> connection = std::make_unique<Connection>(
      std::make_unique<WireConnection>(wire), service,
      [this] { connection.reset(); });
};

TEST(MemcachedConnection, AnswersWaitForAClientThatDoesNotRead) {
  Client client(10);
  EXPECT_EQ(client.Answers(), 3u);
  EXPECT_TRUE(client.wire.paused);
}

TEST(MemcachedConnection, AnswersGoOnBeforeAllAreAcknowledged) {
  Client client(10);
  client.wire.AcknowledgeTo(200'000);
  EXPECT_EQ(client.Answers(), 3u);
  client.wire.AcknowledgeTo(100'000);
  EXPECT_EQ(client.Answers(), 5u);
  EXPECT_GT(client.wire.queued, size_t{256} << 10);
  EXPECT_TRUE(client.wire.paused);
  client.wire.AcknowledgeTo(1);
  EXPECT_EQ(client.Answers(), 8u);
  client.wire.AcknowledgeTo(1);
  EXPECT_EQ(client.Answers(), 10u);
  EXPECT_FALSE(client.wire.paused);
}

TEST(MemcachedConnection, WhoQuitsCountsUntilAllIsAcknowledged) {
  Client client(2);
  client.Say(Encode({.opcode = Opcode::kQuit}));
  EXPECT_EQ(client.Answers(), 3u);
  client.wire.AcknowledgeTo(1);
  ASSERT_NE(client.connection, nullptr);
  client.wire.AcknowledgeTo(0);
  EXPECT_EQ(client.connection, nullptr);
}

TEST(MemcachedConnection, WhoEndsCountsUntilAllIsAcknowledged) {
  Client client(2);
  client.wire.handler->OnClosed({});
  client.wire.queued = 1;
  client.connection->Tick();
  ASSERT_NE(client.connection, nullptr);
  client.wire.queued = 0;
  client.connection->Tick();
  EXPECT_EQ(client.connection, nullptr);
}

TEST(MemcachedConnection, EndsAtOnceIfAllIsAcknowledged) {
  Client client(1);
  client.wire.AcknowledgeTo(0);
  client.wire.handler->OnClosed({});
  EXPECT_EQ(client.connection, nullptr);
}

}  // namespace
}  // namespace ebbrt::memcached
