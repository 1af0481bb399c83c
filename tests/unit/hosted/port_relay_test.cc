// A relayed port against plain sockets on both of its sides.
#include "hosted/port_relay.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <future>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "common/future.h"

namespace ebbrt::hosted {
namespace {

using namespace std::chrono_literals;

constexpr Ipv4Address kLoopback{0x7F000001};

/// A blocking socket, for the threads at the relay's ends.
class Socket {
 public:
  explicit Socket(int descriptor) : descriptor_(descriptor) {
    timeval limit{.tv_sec = 10, .tv_usec = 0};
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  }
  Socket(Socket&& other) : descriptor_(std::exchange(other.descriptor_, -1)) {}
  ~Socket() {
    if (descriptor_ >= 0) close(descriptor_);
  }

  static Socket Listening(uint16_t& port) {
    Socket socket(::socket(AF_INET, SOCK_STREAM, 0));
    auto address = At(0);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(socket.descriptor_, generic, size), 0);
    EXPECT_EQ(listen(socket.descriptor_, 16), 0);
    EXPECT_EQ(getsockname(socket.descriptor_, generic, &size), 0);
    port = ntohs(address.sin_port);
    return socket;
  }
  static Socket Connected(uint16_t port) {
    Socket socket(::socket(AF_INET, SOCK_STREAM, 0));
    auto address = At(port);
    EXPECT_EQ(connect(socket.descriptor_, reinterpret_cast<sockaddr*>(&address),
                      sizeof address),
              0);
    return socket;
  }
  Socket Accept() { return Socket(accept(descriptor_, nullptr, nullptr)); }

  void Send(const std::string& bytes) {
    for (size_t sent = 0; sent < bytes.size();) {
      ssize_t n = send(descriptor_, bytes.data() + sent, bytes.size() - sent,
                       MSG_NOSIGNAL);
      ASSERT_GT(n, 0);
      sent += n;
    }
  }
  void SendUntilFull(const std::string& bytes) {
    while (send(descriptor_, bytes.data(), bytes.size(),
                MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
      std::this_thread::sleep_for(10ms);
    }
  }
  void EndSending() { shutdown(descriptor_, SHUT_WR); }
  void Reset() {
    linger hard{.l_onoff = 1, .l_linger = 0};
    setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
    close(std::exchange(descriptor_, -1));
  }
  /// All until the end of stream; errno's value is put behind a '!' if it ends
  /// otherwise.
  std::string ReceiveAll() {
    std::string all(1 << 16, '\0');
    std::string received;
    ssize_t n;
    while ((n = recv(descriptor_, all.data(), all.size(), 0)) > 0) {
      received.append(all, 0, n);
    }
    return n == 0 ? received : received + "!" + std::to_string(errno);
  }
  std::string Receive(size_t size) {
    std::string bytes(size, '\0');
    ssize_t n = recv(descriptor_, bytes.data(), size, MSG_WAITALL);
    bytes.resize(n < 0 ? 0 : n);
    return bytes;
  }

 private:
  static sockaddr_in At(uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  int descriptor_;
};

std::string Pattern(size_t size) {
  std::string bytes(size, '\0');
  for (size_t i = 0; i < size; ++i)
    bytes[i] = static_cast<char>(i * 7 + i / 251);
  return bytes;
}

/// Runs `client` and `server` in threads of their own while this core relays.
template <typename Client, typename Server>
void Relayed(Client client, Server server) {
  uint16_t port = 0;
  Socket listening = Socket::Listening(port);
  PortRelay relay({kLoopback, 0}, {kLoopback, port});
  auto served =
      std::async(std::launch::async, [&] { server(listening.Accept()); });
  auto done = std::async(std::launch::async, [&] {
    client(Socket::Connected(relay.Local().port));
  });
  for (auto* thread : {&served, &done}) {
    for (int i = 0;
         i < 2000 && thread->wait_for(0s) != std::future_status::ready; ++i) {
      SleepFor(5ms).Get();
    }
    ASSERT_EQ(thread->wait_for(0s), std::future_status::ready);
    thread->get();
  }
}

TEST(PortRelay, AClientThatEndsItsSideGetsItsAnswer) {
  Relayed(
      [](Socket client) {
        client.Send("stats\r\n");
        client.EndSending();
        EXPECT_EQ(client.ReceiveAll(), "STAT pid 1\r\nEND\r\n");
      },
      [](Socket server) {
        EXPECT_EQ(server.ReceiveAll(), "stats\r\n");
        server.Send("STAT pid 1\r\nEND\r\n");
      });
}

TEST(PortRelay, AServerThatEndsItsSideStillReads) {
  Relayed(
      [](Socket client) {
        EXPECT_EQ(client.ReceiveAll(), "bye");
        client.Send("late");
      },
      [](Socket server) {
        server.Send("bye");
        server.EndSending();
        EXPECT_EQ(server.ReceiveAll(), "late");
      });
}

TEST(PortRelay, MegabytesPassASideThatReadsLate) {
  const std::string bytes = Pattern(8 << 20);
  Relayed(
      [&](Socket client) {
        std::thread sends([&] {
          client.Send(bytes);
          client.EndSending();
        });
        EXPECT_TRUE(client.ReceiveAll() == bytes);
        sends.join();
      },
      [](Socket server) {
        std::this_thread::sleep_for(100ms);  // buffers fill up
        std::string received = server.ReceiveAll();
        server.Send(received);
      });
}

TEST(PortRelay, AResetPassesBothWays) {
  Relayed(
      [](Socket client) {
        client.Send("x");
        client.Receive(1);
        client.Reset();
      },
      [](Socket server) {
        server.Receive(1);
        server.Send("y");
        EXPECT_EQ(server.ReceiveAll(), "!" + std::to_string(ECONNRESET));
      });
  Relayed(
      [](Socket client) {
        client.Send("x");
        EXPECT_EQ(client.ReceiveAll(), "!" + std::to_string(ECONNRESET));
      },
      [](Socket server) {
        server.Receive(1);
        server.Reset();
      });
}

TEST(PortRelay, AResetPassesAClientThatDoesNotRead) {
  const std::string bytes = Pattern(32 << 20);
  Relayed(
      [](Socket client) {
        client.Send("x");
        std::this_thread::sleep_for(300ms);
        auto received = client.ReceiveAll();
        EXPECT_TRUE(received.ends_with("!" + std::to_string(ECONNRESET)));
      },
      [&](Socket server) {
        server.Receive(1);
        server.SendUntilFull(bytes);
        server.Reset();
      });
}

TEST(PortRelay, WithoutServerTheClientIsReset) {
  uint16_t port = 0;
  { Socket::Listening(port); }
  PortRelay relay({kLoopback, 0}, {kLoopback, port});
  auto got = std::async(std::launch::async, [&] {
    return Socket::Connected(relay.Local().port).ReceiveAll();
  });
  for (int i = 0; i < 2000 && got.wait_for(0s) != std::future_status::ready;
       ++i) {
    SleepFor(5ms).Get();
  }
  EXPECT_EQ(got.get(), "!" + std::to_string(ECONNRESET));
}

TEST(PortRelay, APortInUseIsNamed) {
  uint16_t port = 0;
  Socket taken = Socket::Listening(port);
  try {
    PortRelay relay({kLoopback, port}, {kLoopback, 1});
    FAIL();
  } catch (const std::system_error& error) {
    EXPECT_EQ(error.code(), std::errc::address_in_use);
    EXPECT_NE(
        std::string(error.what()).find("127.0.0.1:" + std::to_string(port)),
        std::string::npos);
  }
}

}  // namespace
}  // namespace ebbrt::hosted
