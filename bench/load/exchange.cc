// The load of bench/netpipe, bench/connections and bench/cores: exchanges
// messages of one size with a server that sends each back, or requests of one
// kind with a server that answers each in the same way.
//
//   exchange ADDRESS PORT CONNECTIONS WINDOW SIZE [quickack]
//   exchange ADDRESS PORT CONNECTIONS WINDOW REQUEST REPLY [quickack]
//
// Opens the connections and, if there is a SIZE, tells each one that (4 bytes,
// little-endian), then says "ready". In a REQUEST and its REPLY, "######" is
// the connection's number. For every line COUNT on its input does as many
// exchanges, at most WINDOW at a time and in turn on all connections, and
// prints the nanoseconds that they took. With quickack each reply is
// acknowledged at once: else a connection that is used again within 40 ms
// spares the server a segment. A reply that isn't what it should be ends it.
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "connect.h"

namespace {

using load::Fail;

/// What goes to a server, and what comes from it.
struct Messages {
  std::string request;
  std::string reply;
};

/// Messages of `size` bytes that come back.
Messages Echoed(size_t size) {
  std::string message(size, '\0');
  for (size_t i = 0; i < size; ++i) message[i] = static_cast<char>(i * 7);
  return {message, message};
}

/// With the connection's number in its place.
std::string Numbered(std::string text, size_t number) {
  constexpr std::string_view kPlace = "######";
  std::string digits = std::to_string(number);
  digits.insert(0, kPlace.size() - std::min(digits.size(), kPlace.size()), '0');
  for (size_t at; (at = text.find(kPlace)) != text.npos;) {
    text.replace(at, kPlace.size(), digits);
  }
  return text;
}

struct Connection {
  int fd = -1;
  Messages messages;
  size_t sent = 0;
  size_t received = 0;
  bool busy = false;
  bool waits_for_room = false;
};

class Load {
 public:
  /// `hello` goes first on every connection.
  Load(const sockaddr_in& server, size_t connections, size_t window,
       const std::string& hello, const Messages& messages, bool quick_ack)
      : window_(std::min(window, connections)),
        quick_ack_(quick_ack),
        buffer_(messages.reply.size() + 1),
        epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    for (size_t i = 0; i < connections; ++i) {
      Open(server, hello,
           {Numbered(messages.request, i), Numbered(messages.reply, i)});
    }
  }

  /// Nanoseconds of `count` exchanges.
  int64_t Run(uint64_t count) {
    auto begin = std::chrono::steady_clock::now();
    uint64_t started = 0;
    done_ = 0;
    while (done_ < count) {
      while (started < count && started - done_ < window_) {
        Start(next_);
        next_ = (next_ + 1) % connections_.size();
        ++started;
      }
      Wait();
    }
    auto took = std::chrono::steady_clock::now() - begin;
    return std::chrono::nanoseconds(took).count();
  }

 private:
  void Open(const sockaddr_in& server, const std::string& hello,
            Messages messages) {
    int fd = load::Connect(server);
    if (write(fd, hello.data(), hello.size()) !=
        static_cast<ssize_t>(hello.size())) {
      Fail("write");
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    Watch(EPOLL_CTL_ADD, fd, connections_.size(), EPOLLIN);
    connections_.push_back({.fd = fd, .messages = std::move(messages)});
  }

  void Watch(int operation, int fd, size_t index, uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = index;
    if (epoll_ctl(epoll_, operation, fd, &event) != 0) Fail("epoll_ctl");
  }

  void Start(size_t index) {
    Connection& connection = connections_[index];
    if (connection.busy) {  // the slowest is still at its last exchange
      while (connection.busy) Wait();
    }
    connection.busy = true;
    connection.sent = connection.received = 0;
    Write(index);
  }

  void Write(size_t index) {
    Connection& connection = connections_[index];
    const std::string& request = connection.messages.request;
    while (connection.sent < request.size()) {
      ssize_t put = write(connection.fd, request.data() + connection.sent,
                          request.size() - connection.sent);
      if (put < 0 && errno == EAGAIN) break;
      if (put < 0) Fail("write");
      connection.sent += static_cast<size_t>(put);
    }
    bool waits = connection.sent < request.size();
    if (waits == connection.waits_for_room) return;
    connection.waits_for_room = waits;
    Watch(EPOLL_CTL_MOD, connection.fd, index,
          waits ? EPOLLIN | EPOLLOUT : uint32_t{EPOLLIN});
  }

  void Read(size_t index) {
    Connection& connection = connections_[index];
    const std::string& reply = connection.messages.reply;
    ssize_t got = read(connection.fd, buffer_.data(), buffer_.size());
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) Fail("read");
    auto size = static_cast<size_t>(got);
    if (got == 0 || !connection.busy ||
        connection.received + size > reply.size() ||
        std::memcmp(buffer_.data(), reply.data() + connection.received, size) !=
            0) {
      errno = EPROTO;
      Fail("the server's reply is wrong");
    }
    connection.received += size;
    if (connection.received < reply.size()) return;
    connection.busy = false;
    ++done_;
    int on = 1;
    if (quick_ack_) {
      setsockopt(connection.fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
    }
  }

  void Wait() {
    epoll_event events[64];
    int count = epoll_wait(epoll_, events, 64, 30'000);
    if (count < 0 && errno == EINTR) return;
    if (count <= 0) {
      if (count == 0) errno = ETIMEDOUT;
      Fail("waiting for a reply");
    }
    for (int i = 0; i < count; ++i) {
      if ((events[i].events & EPOLLOUT) != 0) Write(events[i].data.u64);
      if ((events[i].events & ~EPOLLOUT) != 0) Read(events[i].data.u64);
    }
  }

  const size_t window_;
  const bool quick_ack_;
  std::vector<char> buffer_;
  int epoll_;
  std::vector<Connection> connections_;
  size_t next_ = 0;
  uint64_t done_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const bool quick_ack =
      argc > 6 && std::strcmp(argv[argc - 1], "quickack") == 0;
  if (quick_ack) --argc;
  if (argc != 6 && argc != 7) {
    std::fprintf(stderr,
                 "usage: exchange ADDRESS PORT CONNECTIONS WINDOW "
                 "SIZE|REQUEST REPLY [quickack]\n");
    return 2;
  }
  std::string hello;
  Messages messages;
  if (argc == 6) {
    const auto size = static_cast<uint32_t>(std::strtoul(argv[5], nullptr, 10));
    hello.assign(reinterpret_cast<const char*>(&size), sizeof size);
    messages = Echoed(size);
  } else {
    messages = {argv[5], argv[6]};
  }
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  Load work(load::ParseServer(argv[1], argv[2]),
            std::strtoul(argv[3], nullptr, 10),
            std::strtoul(argv[4], nullptr, 10), hello, messages, quick_ack);
  load::SayReady();
  char line[32];
  while (std::fgets(line, sizeof(line), stdin) != nullptr) {
    std::printf("%lld\n", static_cast<long long>(
                              work.Run(std::strtoull(line, nullptr, 10))));
    std::fflush(stdout);
  }
}
