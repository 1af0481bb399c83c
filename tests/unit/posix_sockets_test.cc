// The POSIX calls on sockets, pipes and readiness. The same tests ask Linux and the
// library OS, so they say what programs rely on, not what we happen to do.

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "common/future.h"
#include "common/run_on.h"
#include "platform/core.h"

namespace {

/// A descriptor that is closed at the end.
class Fd {
 public:
  explicit Fd(int fd) : fd_(fd) { EXPECT_GE(fd, 0) << strerror(errno); }
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Fd() { Close(); }
  operator int() const { return fd_; }  // NOLINT: it stands for one
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

 private:
  int fd_;
};

sockaddr_in Loopback(uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

const sockaddr* Generic(const sockaddr_in& address) {
  return reinterpret_cast<const sockaddr*>(&address);
}

sockaddr_in LocalOf(int fd) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  EXPECT_EQ(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  EXPECT_EQ(size, sizeof address);
  return address;
}

Fd ListenOnLoopback() {
  Fd fd(socket(AF_INET, SOCK_STREAM, 0));
  auto any = Loopback(0);
  EXPECT_EQ(bind(fd, Generic(any), sizeof any), 0);
  EXPECT_EQ(listen(fd, 16), 0);
  return fd;
}

struct Connected {
  Fd client;
  Fd server;
};

Connected Connect() {
  Fd listener = ListenOnLoopback();
  Fd client(socket(AF_INET, SOCK_STREAM, 0));
  auto to = LocalOf(listener);
  EXPECT_EQ(connect(client, Generic(to), sizeof to), 0) << strerror(errno);
  Fd server(accept(listener, nullptr, nullptr));
  return {std::move(client), std::move(server)};
}

struct Pipe {
  Fd reader;
  Fd writer;
};

Pipe MakePipe() {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

void Put(int fd, const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    ssize_t put = write(fd, text.data() + done, text.size() - done);
    ASSERT_GT(put, 0) << strerror(errno);
    done += static_cast<size_t>(put);
  }
}

std::string GetSome(int fd) {
  char buffer[4096];
  ssize_t got = read(fd, buffer, sizeof buffer);
  EXPECT_GE(got, 0) << strerror(errno);
  return {buffer, static_cast<size_t>(std::max<ssize_t>(got, 0))};
}

std::string GetAll(int fd) {
  std::string all;
  for (;;) {
    std::string some = GetSome(fd);
    if (some.empty()) return all;
    all += some;
  }
}

/// What poll tells of `fd` within a second, of what is asked.
short PollOnce(int fd, short events, int milliseconds = 1000) {
  pollfd entry{fd, events, 0};
  poll(&entry, 1, milliseconds);
  return entry.revents;
}

void MakeNonblocking(int fd) {
  ASSERT_EQ(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

int PendingError(int fd) {
  int error = -1;
  socklen_t size = sizeof error;
  EXPECT_EQ(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size), 0);
  return error;
}

#define EXPECT_FAILS(call, expected) \
  do {                               \
    errno = 0;                       \
    EXPECT_EQ((call), -1);           \
    EXPECT_EQ(errno, (expected)) << strerror(errno); \
  } while (false)

/// A thread that uses sockets of TCP: in the library OS an event of core 0, which
/// alone has them, and where the test runs, too (docs/posix.md).
class NetworkThread {
 public:
  template <typename F>
  explicit NetworkThread(F run) {
    if constexpr (ebbrt::platform::kHasThreadsBesideCores) {
      thread_ = std::thread(run);
    } else {
      event_ = ebbrt::RunOn(0, run);
    }
  }
  void join() {  // NOLINT: as std::thread
    if (thread_.joinable()) {
      thread_.join();
    } else {
      event_.Get();
    }
  }

 private:
  std::thread thread_;
  ebbrt::Future<> event_;
};

// --- TCP -----------------------------------------------------------------------

TEST(PosixTcp, BothDirectionsAndNames) {
  auto [client, server] = Connect();
  Put(client, "ping");
  EXPECT_EQ(GetSome(server), "ping");
  Put(server, "pong");
  EXPECT_EQ(GetSome(client), "pong");

  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  ASSERT_EQ(getpeername(client, reinterpret_cast<sockaddr*>(&peer), &size), 0);
  EXPECT_EQ(peer.sin_port, LocalOf(server).sin_port);
  EXPECT_EQ(peer.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
}

TEST(PosixTcp, EachDirectionEndsByItself) {
  auto [client, server] = Connect();
  Put(client, "question");
  ASSERT_EQ(shutdown(client, SHUT_WR), 0);
  EXPECT_EQ(GetAll(server), "question");
  EXPECT_NE(PollOnce(server, POLLRDHUP) & POLLRDHUP, 0);
  Put(server, "answer after your end");
  server.Close();
  EXPECT_EQ(GetAll(client), "answer after your end");
  EXPECT_FAILS(send(client, "x", 1, MSG_NOSIGNAL), EPIPE);
}

TEST(PosixTcp, LargeTransferInPieces) {
  auto [client, server] = Connect();
  std::string sent;
  for (int i = 0; sent.size() < (4 << 20); ++i) sent += std::to_string(i) + ' ';
  NetworkThread writer([&] {
    Put(client, sent);
    client.Close();
  });
  EXPECT_TRUE(GetAll(server) == sent);  // neither is shown
  writer.join();
}

/// Sends 4 MiB with one call, and receives them with one.
template <typename Thread>
void WholeTransfer(int from, int to) {
  std::string sent(4 << 20, 'x');
  for (size_t i = 0; i < sent.size(); i += 1000) sent[i] = static_cast<char>(i);
  Thread writer([&] {
    iovec parts[] = {{sent.data(), 1000},
                     {sent.data() + 1000, 1000},
                     {sent.data() + 2000, sent.size() - 2000}};
    EXPECT_EQ(writev(from, parts, 3), static_cast<ssize_t>(sent.size()));
    EXPECT_EQ(send(from, "end", 3, 0), 3);
    EXPECT_EQ(shutdown(from, SHUT_WR), 0);
  });
  std::string got(sent.size(), ' ');
  EXPECT_EQ(recv(to, got.data(), got.size(), MSG_WAITALL),
            static_cast<ssize_t>(got.size()));
  EXPECT_TRUE(got == sent);  // neither is shown
  EXPECT_EQ(recv(to, got.data(), got.size(), MSG_WAITALL), 3);
  while (read(to, got.data(), got.size()) > 0) {
  }
  writer.join();
}

TEST(PosixTcp, BlockingCallsDoAll) {
  auto [client, server] = Connect();
  WholeTransfer<NetworkThread>(client, server);
}

TEST(PosixLocal, BlockingCallsDoAll) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  Fd one(ends[0]), other(ends[1]);
  WholeTransfer<std::thread>(one, other);
}

/// Writes until there is no room; how many bytes.
size_t WriteUntilFull(int fd) {
  std::string piece(64 << 10, 'x');
  size_t sent = 0;
  ssize_t put;
  while ((put = write(fd, piece.data(), piece.size())) > 0) {
    sent += static_cast<size_t>(put);
    if (sent > size_t{64} << 20) {
      ADD_FAILURE() << "there is room for ever";
      return sent;
    }
  }
  EXPECT_EQ(errno, EAGAIN);
  return sent;
}

void SetSendLimit(int fd, int bytes) {
  ASSERT_EQ(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes), 0);
}

/// A writer that waits at a connection that is full.
struct HeldUp {
  explicit HeldUp(int limit) : ends(Connect()) {
    SetSendLimit(ends.client, limit);
    MakeNonblocking(ends.client);
    // More fits in when the peer has taken some, a moment later.
    size_t more = 1;
    for (int i = 0; i < 100 && more > 0; ++i) {
      if (i > 0) usleep(100'000);
      more = WriteUntilFull(ends.client);
      sent += more;
    }
    EXPECT_EQ(more, 0u);
    EXPECT_EQ(
        fcntl(ends.client, F_SETFL, fcntl(ends.client, F_GETFL) & ~O_NONBLOCK),
        0);
    writer.emplace([this] {
      goes_on = send(ends.client, "x", 1, MSG_NOSIGNAL) == 1;
    });
    usleep(20'000);
    EXPECT_FALSE(goes_on);
  }
  ~HeldUp() {
    if (goes_on) {
      Take(sent + 1 - taken);
    } else {
      shutdown(ends.client, SHUT_RDWR);
    }
    writer->join();
  }
  void Take(size_t bytes) {
    std::string data(bytes, ' ');
    EXPECT_EQ(recv(ends.server, data.data(), bytes, MSG_WAITALL),
              static_cast<ssize_t>(bytes));
    taken += bytes;
  }
  bool GoesOn() const {
    for (int i = 0; i < 1000 && !goes_on; ++i) usleep(5000);
    return goes_on;
  }

  Connected ends;
  size_t sent = 0;
  size_t taken = 0;
  std::atomic<bool> goes_on{false};
  std::optional<NetworkThread> writer;
};

TEST(PosixTcp, WriterWithoutReaderIsHeldUp) {
  auto [client, server] = Connect();
  MakeNonblocking(client);
  size_t sent = WriteUntilFull(client);
  EXPECT_EQ(PollOnce(client, POLLOUT, 0), 0);
  NetworkThread reader([&] {
    std::vector<char> buffer(1 << 20);
    for (size_t got = 0; got < sent;) {
      ssize_t some = read(server, buffer.data(), buffer.size());
      ASSERT_GT(some, 0);
      got += static_cast<size_t>(some);
    }
  });
  EXPECT_EQ(PollOnce(client, POLLOUT, 5000), POLLOUT);
  reader.join();
}

TEST(PosixTcp, WriterGoesOnBeforeAllIsTaken) {
  HeldUp writer(8 << 20);
  writer.Take(writer.sent / 2);
  EXPECT_TRUE(writer.GoesOn());
}

TEST(PosixTcp, WriterGoesOnWithMoreRoom) {
  HeldUp writer(64 << 10);
  SetSendLimit(writer.ends.client, 200 << 10);
  EXPECT_TRUE(writer.GoesOn());
}

TEST(PosixTcp, NothingThereYet) {
  auto [client, server] = Connect();
  MakeNonblocking(server);
  char byte;
  EXPECT_FAILS(read(server, &byte, 1), EAGAIN);
  EXPECT_FAILS(recv(client, &byte, 1, MSG_DONTWAIT), EAGAIN);
  EXPECT_EQ(PollOnce(client, POLLIN | POLLOUT, 0), POLLOUT);
}

TEST(PosixTcp, PeekLeavesBytes) {
  auto [client, server] = Connect();
  Put(client, "abc");
  char buffer[8];
  EXPECT_EQ(recv(server, buffer, sizeof buffer, MSG_PEEK), 3);
  int have = 0;
  EXPECT_EQ(ioctl(server, FIONREAD, &have), 0);
  EXPECT_EQ(have, 3);
  EXPECT_EQ(recv(server, buffer, 2, 0), 2);
  EXPECT_EQ(GetSome(server), "c");
}

TEST(PosixTcp, GatheredWrite) {
  auto [client, server] = Connect();
  iovec parts[] = {{const_cast<char*>("one "), 4},
                   {nullptr, 0},
                   {const_cast<char*>("two"), 3}};
  EXPECT_EQ(writev(client, parts, 3), 7);
  client.Close();
  EXPECT_EQ(GetAll(server), "one two");
}

TEST(PosixTcp, ResetIsToldOnce) {
  auto [client, server] = Connect();
  linger reset{1, 0};
  ASSERT_EQ(setsockopt(server, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
  server.Close();
  EXPECT_NE(PollOnce(client, POLLIN) & (POLLERR | POLLHUP), 0);
  char byte;
  EXPECT_FAILS(read(client, &byte, 1), ECONNRESET);
  EXPECT_EQ(read(client, &byte, 1), 0);
}

TEST(PosixTcp, ClosingWithUnreadBytesResets) {
  auto [client, server] = Connect();
  Put(client, "nobody reads this");
  EXPECT_EQ(PollOnce(server, POLLIN), POLLIN);
  server.Close();
  EXPECT_NE(PollOnce(client, POLLIN), 0);
  char byte;
  EXPECT_FAILS(read(client, &byte, 1), ECONNRESET);
}

TEST(PosixTcp, RefusedAtOnceAndLater) {
  uint16_t port;
  {
    Fd listener = ListenOnLoopback();
    port = ntohs(LocalOf(listener).sin_port);
  }
  auto to = Loopback(port);
  Fd blocking(socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_FAILS(connect(blocking, Generic(to), sizeof to), ECONNREFUSED);

  Fd waiting(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  int result = connect(waiting, Generic(to), sizeof to);
  if (result == -1 && errno == EINPROGRESS) {
    EXPECT_NE(PollOnce(waiting, POLLOUT) & (POLLERR | POLLHUP), 0);
    EXPECT_EQ(PendingError(waiting), ECONNREFUSED);
    EXPECT_EQ(PendingError(waiting), 0);
  } else {
    EXPECT_EQ(errno, ECONNREFUSED);
  }
}

TEST(PosixTcp, ConnectsWithoutWaiting) {
  Fd listener = ListenOnLoopback();
  auto to = LocalOf(listener);
  Fd client(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  EXPECT_FAILS(connect(client, Generic(to), sizeof to), EINPROGRESS);
  EXPECT_EQ(PollOnce(client, POLLOUT), POLLOUT);
  EXPECT_EQ(PendingError(client), 0);
  connect(client, Generic(to), sizeof to);  // Linux tells the end once this way
  EXPECT_FAILS(connect(client, Generic(to), sizeof to), EISCONN);
  EXPECT_EQ(PollOnce(listener, POLLIN), POLLIN);
  Fd server(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK));
  EXPECT_NE(fcntl(server, F_GETFL) & O_NONBLOCK, 0);
  MakeNonblocking(listener);
  EXPECT_FAILS(accept(listener, nullptr, nullptr), EAGAIN);
}

TEST(PosixTcp, AddressesThatCannotBeBound) {
  Fd listener = ListenOnLoopback();
  auto taken = LocalOf(listener);
  Fd second(socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_FAILS(bind(second, Generic(taken), sizeof taken), EADDRINUSE);
  sockaddr_in foreign = Loopback(0);
  foreign.sin_addr.s_addr = htonl(0x08080404);
  EXPECT_FAILS(bind(second, Generic(foreign), sizeof foreign), EADDRNOTAVAIL);
  sockaddr_in other = taken;
  other.sin_family = AF_INET6;
  EXPECT_EQ(bind(second, Generic(other), sizeof other), -1);
}

TEST(PosixTcp, HasItsPortBeforeItListens) {
  Fd fd(socket(AF_INET, SOCK_STREAM, 0));
  auto any = Loopback(0);
  ASSERT_EQ(bind(fd, Generic(any), sizeof any), 0);
  auto at = LocalOf(fd);
  EXPECT_NE(at.sin_port, 0);
  ASSERT_EQ(listen(fd, 1), 0);
  EXPECT_EQ(LocalOf(fd).sin_port, at.sin_port);
}

TEST(PosixTcp, PortIsFreeAgainAfterItsConnections) {
  Fd listener(socket(AF_INET, SOCK_STREAM, 0));
  int on = 1;
  ASSERT_EQ(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
  auto any = Loopback(0);
  ASSERT_EQ(bind(listener, Generic(any), sizeof any), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  auto at = LocalOf(listener);
  Fd client(socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(connect(client, Generic(at), sizeof at), 0);
  Fd server(accept(listener, nullptr, nullptr));
  listener.Close();
  Fd again(socket(AF_INET, SOCK_STREAM, 0));
  ASSERT_EQ(setsockopt(again, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
  EXPECT_EQ(bind(again, Generic(at), sizeof at), 0) << strerror(errno);
  EXPECT_EQ(listen(again, 1), 0) << strerror(errno);
  Put(client, "still there");
  EXPECT_EQ(GetSome(server), "still there");
}

TEST(PosixTcp, NotConnected) {
  Fd fd(socket(AF_INET, SOCK_STREAM, 0));
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  EXPECT_FAILS(getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size),
               ENOTCONN);
  EXPECT_FAILS(shutdown(fd, SHUT_WR), ENOTCONN);
  char byte;
  EXPECT_FAILS(recv(fd, &byte, 1, 0), ENOTCONN);
  EXPECT_EQ(LocalOf(fd).sin_port, 0);
}

TEST(PosixTcp, DuplicateKeepsItOpen) {
  auto [client, server] = Connect();
  Fd copy(dup(client));
  client.Close();
  Put(copy, "by the other");
  EXPECT_EQ(GetSome(server), "by the other");
}

TEST(PosixTcp, StatusAndOptions) {
  auto [client, server] = Connect();
  struct stat status;
  ASSERT_EQ(fstat(client, &status), 0);
  EXPECT_TRUE(S_ISSOCK(status.st_mode));
  int value = 0;
  socklen_t size = sizeof value;
  ASSERT_EQ(getsockopt(client, SOL_SOCKET, SO_TYPE, &value, &size), 0);
  EXPECT_EQ(value, SOCK_STREAM);
  int on = 1;
  EXPECT_EQ(setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
  EXPECT_FAILS(setsockopt(client, IPPROTO_TCP, 4242, &on, sizeof on),
               ENOPROTOOPT);
  EXPECT_FAILS(lseek(client, 0, SEEK_SET), ESPIPE);
  EXPECT_EQ(isatty(client), 0);
}

TEST(PosixTcp, SixOverLoopback) {
  Fd listener(socket(AF_INET6, SOCK_STREAM, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  ASSERT_EQ(bind(listener, generic, sizeof address), 0) << strerror(errno);
  ASSERT_EQ(listen(listener, 1), 0);
  socklen_t size = sizeof address;
  ASSERT_EQ(getsockname(listener, generic, &size), 0);
  Fd client(socket(AF_INET6, SOCK_STREAM, 0));
  ASSERT_EQ(connect(client, generic, sizeof address), 0) << strerror(errno);
  Fd server(accept(listener, nullptr, nullptr));
  Put(client, "six");
  EXPECT_EQ(GetSome(server), "six");
}

// --- UDP -----------------------------------------------------------------------

Fd BindUdp() {
  Fd fd(socket(AF_INET, SOCK_DGRAM, 0));
  auto any = Loopback(0);
  EXPECT_EQ(bind(fd, Generic(any), sizeof any), 0);
  return fd;
}

TEST(PosixUdp, DatagramsKeepTheirBounds) {
  Fd a = BindUdp();
  Fd b = BindUdp();
  auto to = LocalOf(b);
  ASSERT_EQ(sendto(a, "first", 5, 0, Generic(to), sizeof to), 5);
  ASSERT_EQ(sendto(a, "", 0, 0, Generic(to), sizeof to), 0);
  ASSERT_EQ(sendto(a, "third one", 9, 0, Generic(to), sizeof to), 9);
  char buffer[64];
  sockaddr_in from{};
  socklen_t size = sizeof from;
  EXPECT_EQ(recvfrom(b, buffer, sizeof buffer, 0,
                     reinterpret_cast<sockaddr*>(&from), &size),
            5);
  EXPECT_EQ(from.sin_port, LocalOf(a).sin_port);
  EXPECT_EQ(recv(b, buffer, sizeof buffer, 0), 0);

  iovec piece{buffer, 4};
  msghdr message{};
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  EXPECT_EQ(recvmsg(b, &message, 0), 4);
  EXPECT_NE(message.msg_flags & MSG_TRUNC, 0);
  EXPECT_FAILS(recv(b, buffer, sizeof buffer, MSG_DONTWAIT), EAGAIN);
}

TEST(PosixUdp, ConnectedHearsItsPeerOnly) {
  Fd a = BindUdp();
  Fd b = BindUdp();
  Fd stranger = BindUdp();
  auto to_b = LocalOf(b);
  auto to_a = LocalOf(a);
  ASSERT_EQ(connect(a, Generic(to_b), sizeof to_b), 0);
  ASSERT_EQ(sendto(stranger, "no", 2, 0, Generic(to_a), sizeof to_a), 2);
  ASSERT_EQ(sendto(b, "yes", 3, 0, Generic(to_a), sizeof to_a), 3);
  EXPECT_EQ(GetSome(a), "yes");
  EXPECT_EQ(send(a, "back", 4, 0), 4);
  EXPECT_EQ(GetSome(b), "back");
}

TEST(PosixUdp, Errors) {
  Fd fd(socket(AF_INET, SOCK_DGRAM, 0));
  EXPECT_FAILS(send(fd, "x", 1, 0), EDESTADDRREQ);
  std::string large(66000, 'x');
  auto to = Loopback(9);
  EXPECT_FAILS(
      sendto(fd, large.data(), large.size(), 0, Generic(to), sizeof to),
      EMSGSIZE);
  EXPECT_FAILS(listen(fd, 1), EOPNOTSUPP);
}

// --- inside the node -------------------------------------------------------------

TEST(PosixLocal, PairOfStreams) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  Fd a(ends[0]);
  Fd b(ends[1]);
  Put(a, "there");
  EXPECT_EQ(GetSome(b), "there");
  Put(b, "and back");
  ASSERT_EQ(shutdown(b, SHUT_WR), 0);
  EXPECT_EQ(GetAll(a), "and back");
  b.Close();
  EXPECT_FAILS(send(a, "x", 1, MSG_NOSIGNAL), EPIPE);
}

TEST(PosixLocal, Names) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::snprintf(address.sun_path, sizeof address.sun_path, "/tmp/ebbrt-test-%d",
                getpid());
  unlink(address.sun_path);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  Fd early(socket(AF_UNIX, SOCK_STREAM, 0));
  EXPECT_FAILS(connect(early, generic, sizeof address), ENOENT);
  Fd listener(socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(bind(listener, generic, sizeof address), 0) << strerror(errno);
  EXPECT_FAILS(connect(early, generic, sizeof address), ECONNREFUSED);
  Fd second(socket(AF_UNIX, SOCK_STREAM, 0));
  EXPECT_FAILS(bind(second, generic, sizeof address), EADDRINUSE);
  ASSERT_EQ(listen(listener, 4), 0);
  Fd client(socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(connect(client, generic, sizeof address), 0) << strerror(errno);
  Fd server(accept(listener, nullptr, nullptr));
  Put(client, "by name");
  EXPECT_EQ(GetSome(server), "by name");
  sockaddr_un name{};
  socklen_t size = sizeof name;
  ASSERT_EQ(getsockname(server, reinterpret_cast<sockaddr*>(&name), &size), 0);
  EXPECT_STREQ(name.sun_path, address.sun_path);
  unlink(address.sun_path);
}

TEST(PosixPipe, BytesAndEnds) {
  signal(SIGPIPE, SIG_IGN);
  auto [reader, writer] = MakePipe();
  Put(writer, "through");
  EXPECT_EQ(GetSome(reader), "through");
  char byte = 0;
  EXPECT_FAILS(write(reader, &byte, 1), EBADF);
  EXPECT_FAILS(read(writer, &byte, 1), EBADF);
  MakeNonblocking(reader);
  EXPECT_FAILS(read(reader, &byte, 1), EAGAIN);
  EXPECT_EQ(PollOnce(reader, POLLIN, 0), 0);
  writer.Close();
  EXPECT_NE(PollOnce(reader, POLLIN) & POLLHUP, 0);
  EXPECT_EQ(read(reader, &byte, 1), 0);
}

TEST(PosixPipe, FullAndWithoutReader) {
  signal(SIGPIPE, SIG_IGN);
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_NONBLOCK), 0);
  Fd reader(ends[0]);
  Fd writer(ends[1]);
  std::string piece(4096, 'x');
  size_t sent = 0;
  ssize_t put;
  while ((put = write(writer, piece.data(), piece.size())) > 0) {
    sent += static_cast<size_t>(put);
  }
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(sent, 65536u);
  EXPECT_EQ(PollOnce(writer, POLLOUT, 0), 0);
  reader.Close();
  EXPECT_NE(PollOnce(writer, POLLOUT) & POLLERR, 0);
  EXPECT_FAILS(write(writer, "x", 1), EPIPE);
}

TEST(PosixPipe, ReaderWaitsForTheWriter) {
  auto [reader, writer] = MakePipe();
  std::thread late([&] {
    usleep(20000);
    Put(writer, "at last");
  });
  EXPECT_EQ(GetSome(reader), "at last");
  late.join();
}

// --- readiness -------------------------------------------------------------------

TEST(PosixPoll, SeveralAndNone) {
  auto [client, server] = Connect();
  auto [reader, writer] = MakePipe();
  pollfd fds[] = {{server, POLLIN, 0}, {reader, POLLIN, 0}, {-1, POLLIN, 0}};
  EXPECT_EQ(poll(fds, 3, 10), 0);
  Put(writer, "x");
  EXPECT_EQ(poll(fds, 3, 1000), 1);
  EXPECT_EQ(fds[0].revents, 0);
  EXPECT_EQ(fds[1].revents, POLLIN);
  Put(client, "y");
  EXPECT_EQ(PollOnce(server, POLLIN), POLLIN);
  EXPECT_EQ(poll(fds, 3, 0), 2);
  pollfd closed{9999, POLLIN, 0};
  EXPECT_EQ(poll(&closed, 1, 0), 1);
  EXPECT_EQ(closed.revents, POLLNVAL);
}

/// The events that epoll tells of within `milliseconds`, one at most.
uint32_t WaitOnce(int epoll, int milliseconds = 1000, int* fd = nullptr) {
  epoll_event event{};
  int count = epoll_wait(epoll, &event, 1, milliseconds);
  EXPECT_GE(count, 0) << strerror(errno);
  if (fd != nullptr) *fd = event.data.fd;
  return count == 1 ? event.events : 0;
}

int Control(int epoll, int operation, int fd, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = fd;
  return epoll_ctl(epoll, operation, fd, &event);
}

TEST(PosixEpoll, TellsAsLongAsItIsReady) {
  auto [client, server] = Connect();
  Fd epoll(epoll_create1(0));
  ASSERT_EQ(Control(epoll, EPOLL_CTL_ADD, server, EPOLLIN), 0);
  EXPECT_EQ(WaitOnce(epoll, 0), 0u);
  EXPECT_EQ(WaitOnce(epoll, 10), 0u);
  Put(client, "x");
  int fd = -1;
  EXPECT_EQ(WaitOnce(epoll, 1000, &fd), uint32_t{EPOLLIN});
  EXPECT_EQ(fd, server);
  EXPECT_EQ(WaitOnce(epoll), uint32_t{EPOLLIN});
  EXPECT_EQ(GetSome(server), "x");
  EXPECT_EQ(WaitOnce(epoll, 0), 0u);
  ASSERT_EQ(Control(epoll, EPOLL_CTL_MOD, server, EPOLLIN | EPOLLOUT), 0);
  EXPECT_EQ(WaitOnce(epoll), uint32_t{EPOLLOUT});
  client.Close();
  ASSERT_EQ(Control(epoll, EPOLL_CTL_MOD, server, EPOLLIN | EPOLLRDHUP), 0);
  EXPECT_EQ(WaitOnce(epoll), uint32_t{EPOLLIN | EPOLLRDHUP});
}

TEST(PosixEpoll, OnceOnly) {
  auto [reader, writer] = MakePipe();
  Fd epoll(epoll_create1(0));
  ASSERT_EQ(Control(epoll, EPOLL_CTL_ADD, reader, EPOLLIN | EPOLLONESHOT), 0);
  Put(writer, "x");
  EXPECT_EQ(WaitOnce(epoll), uint32_t{EPOLLIN});
  EXPECT_EQ(WaitOnce(epoll, 10), 0u);
  ASSERT_EQ(Control(epoll, EPOLL_CTL_MOD, reader, EPOLLIN | EPOLLONESHOT), 0);
  EXPECT_EQ(WaitOnce(epoll), uint32_t{EPOLLIN});
}

TEST(PosixEpoll, ComesAndGoes) {
  auto [reader, writer] = MakePipe();
  Fd epoll(epoll_create1(0));
  EXPECT_FAILS(Control(epoll, EPOLL_CTL_MOD, reader, EPOLLIN), ENOENT);
  EXPECT_FAILS(Control(epoll, EPOLL_CTL_DEL, reader, EPOLLIN), ENOENT);
  EXPECT_FAILS(Control(epoll, EPOLL_CTL_ADD, 9999, EPOLLIN), EBADF);
  EXPECT_FAILS(Control(epoll, EPOLL_CTL_ADD, epoll, EPOLLIN), EINVAL);
  EXPECT_FAILS(Control(reader, EPOLL_CTL_ADD, writer, EPOLLIN), EINVAL);
  ASSERT_EQ(Control(epoll, EPOLL_CTL_ADD, reader, EPOLLIN), 0);
  EXPECT_FAILS(Control(epoll, EPOLL_CTL_ADD, reader, EPOLLIN), EEXIST);
  Put(writer, "x");
  ASSERT_EQ(Control(epoll, EPOLL_CTL_DEL, reader, 0), 0);
  EXPECT_EQ(WaitOnce(epoll, 0), 0u);
  ASSERT_EQ(Control(epoll, EPOLL_CTL_ADD, reader, EPOLLIN), 0);
  reader.Close();
  EXPECT_EQ(WaitOnce(epoll, 0), 0u);
}

TEST(PosixEpoll, OneWatchesAnother) {
  auto [reader, writer] = MakePipe();
  Fd inner(epoll_create1(0));
  Fd outer(epoll_create1(0));
  ASSERT_EQ(Control(inner, EPOLL_CTL_ADD, reader, EPOLLIN), 0);
  ASSERT_EQ(Control(outer, EPOLL_CTL_ADD, inner, EPOLLIN), 0);
  EXPECT_EQ(WaitOnce(outer, 0), 0u);
  EXPECT_EQ(PollOnce(inner, POLLIN, 0), 0);
  std::thread late([&] {
    usleep(20000);
    Put(writer, "x");
  });
  EXPECT_EQ(WaitOnce(outer, -1), uint32_t{EPOLLIN});
  late.join();
  EXPECT_EQ(PollOnce(inner, POLLIN, 0), POLLIN);
  EXPECT_EQ(WaitOnce(inner, 0), uint32_t{EPOLLIN});
  EXPECT_EQ(GetSome(reader), "x");
  EXPECT_EQ(WaitOnce(outer, 0), 0u);
}

TEST(PosixEpoll, NoneWatchesItself) {
  Fd one(epoll_create1(0));
  Fd two(epoll_create1(0));
  Fd three(epoll_create1(0));
  EXPECT_FAILS(Control(one, EPOLL_CTL_ADD, one, EPOLLIN), EINVAL);
  ASSERT_EQ(Control(one, EPOLL_CTL_ADD, two, EPOLLIN), 0);
  ASSERT_EQ(Control(two, EPOLL_CTL_ADD, three, EPOLLIN), 0);
  EXPECT_FAILS(Control(two, EPOLL_CTL_ADD, one, EPOLLIN), ELOOP);
  EXPECT_FAILS(Control(three, EPOLL_CTL_ADD, one, EPOLLIN), ELOOP);
  ASSERT_EQ(Control(one, EPOLL_CTL_DEL, two, 0), 0);
  EXPECT_EQ(Control(three, EPOLL_CTL_ADD, one, EPOLLIN), 0);
}

TEST(PosixEpoll, WakesWhoWaits) {
  auto [reader, writer] = MakePipe();
  Fd epoll(epoll_create1(0));
  ASSERT_EQ(Control(epoll, EPOLL_CTL_ADD, reader, EPOLLIN), 0);
  std::thread late([&] {
    usleep(20000);
    Put(writer, "x");
  });
  EXPECT_EQ(WaitOnce(epoll, -1), uint32_t{EPOLLIN});
  late.join();
}

TEST(PosixEpoll, WhoNeverWaitsLetsOthersRun) {
  auto [reader, writer] = MakePipe();
  Fd epoll(epoll_create1(0));
  ASSERT_EQ(Control(epoll, EPOLL_CTL_ADD, reader, EPOLLIN), 0);
  std::thread other([&] { Put(writer, "x"); });
  uint32_t events = 0;
  for (int i = 0; i < 1'000'000 && events == 0; ++i) {
    events = WaitOnce(epoll, 0);
  }
  EXPECT_EQ(events, uint32_t{EPOLLIN});
  other.join();
}

TEST(PosixEpoll, EachInItsTurn) {
  constexpr int kPairs = 20;
  Fd epoll(epoll_create1(0));
  std::vector<Fd> fds;
  for (int i = 0; i < kPairs; ++i) {
    int ends[2];
    ASSERT_EQ(pipe(ends), 0);
    fds.emplace_back(ends[0]);
    fds.emplace_back(ends[1]);
    Put(ends[1], "x");
    ASSERT_EQ(Control(epoll, EPOLL_CTL_ADD, ends[0], EPOLLIN), 0);
  }
  std::vector<int> seen(4096);
  for (int round = 0; round < kPairs; ++round) {
    int fd = -1;
    ASSERT_EQ(WaitOnce(epoll, 1000, &fd), uint32_t{EPOLLIN});
    ++seen[static_cast<size_t>(fd)];
  }
  for (int i = 0; i < kPairs; ++i) {
    EXPECT_EQ(seen[static_cast<size_t>(static_cast<int>(fds[2 * i]))], 1);
  }
}

// --- descriptors and names -------------------------------------------------------

TEST(PosixProcess, PriorityIsKept) {
  int before = getpriority(PRIO_PROCESS, 0);
  ASSERT_EQ(setpriority(PRIO_PROCESS, 0, 100), 0);
  EXPECT_EQ(getpriority(PRIO_PROCESS, 0), 19);
  // Only who may do so comes before others again.
  if (setpriority(PRIO_PROCESS, 0, before) == 0) {
    EXPECT_EQ(getpriority(PRIO_PROCESS, 0), before);
  }
  EXPECT_FAILS(setpriority(PRIO_PROCESS, 999'999'999, 0), ESRCH);
}

TEST(PosixSocket, WhatThereIsNot) {
  EXPECT_FAILS(socket(4711, SOCK_STREAM, 0), EAFNOSUPPORT);
  EXPECT_FAILS(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
  auto [reader, writer] = MakePipe();
  EXPECT_FAILS(listen(reader, 1), ENOTSOCK);
  EXPECT_FAILS(shutdown(9999, SHUT_RD), EBADF);
  struct stat status;
  ASSERT_EQ(fstat(reader, &status), 0);
  EXPECT_TRUE(S_ISFIFO(status.st_mode));
}

TEST(PosixNames, NumbersAndTheLoopback) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = AF_INET;
  addrinfo* found = nullptr;
  ASSERT_EQ(getaddrinfo("192.0.2.7", "8080", &hints, &found), 0);
  sockaddr_in address;
  std::memcpy(&address, found->ai_addr, sizeof address);
  EXPECT_EQ(ntohs(address.sin_port), 8080);
  EXPECT_EQ(ntohl(address.sin_addr.s_addr), 0xC0000207u);
  EXPECT_EQ(found->ai_next, nullptr);
  freeaddrinfo(found);

  ASSERT_EQ(getaddrinfo("localhost", nullptr, &hints, &found), 0);
  std::memcpy(&address, found->ai_addr, sizeof address);
  EXPECT_EQ(ntohl(address.sin_addr.s_addr), INADDR_LOOPBACK);
  freeaddrinfo(found);

  hints.ai_flags = AI_NUMERICHOST;
  EXPECT_EQ(getaddrinfo("no.number", nullptr, &hints, &found), EAI_NONAME);
  EXPECT_EQ(getaddrinfo(nullptr, nullptr, &hints, &found), EAI_NONAME);
  hints.ai_family = 4711;
  EXPECT_EQ(getaddrinfo("1.2.3.4", nullptr, &hints, &found), EAI_FAMILY);
}

TEST(PosixNames, AddressesAsText) {
  in6_addr six;
  ASSERT_EQ(inet_pton(AF_INET6, "2001:db8::1", &six), 1);
  char text[INET6_ADDRSTRLEN];
  EXPECT_STREQ(inet_ntop(AF_INET6, &six, text, sizeof text), "2001:db8::1");
  EXPECT_EQ(inet_pton(AF_INET, "256.1.1.1", &six), 0);
  EXPECT_EQ(inet_pton(AF_INET6, "1.2.3.4", &six), 0);
  in6_addr mapped;
  ASSERT_EQ(inet_pton(AF_INET6, "::ffff:1.2.3.4", &mapped), 1);
  char shown[INET6_ADDRSTRLEN];
  EXPECT_STREQ(inet_ntop(AF_INET6, &mapped, shown, sizeof shown),
               "::ffff:1.2.3.4");
  EXPECT_EQ(inet_ntop(AF_INET6, &six, text, 4), nullptr);
  EXPECT_EQ(errno, ENOSPC);
  auto address = Loopback(80);
  char service[16];
  ASSERT_EQ(getnameinfo(Generic(address), sizeof address, text, sizeof text,
                        service, sizeof service,
                        NI_NUMERICHOST | NI_NUMERICSERV),
            0);
  EXPECT_STREQ(text, "127.0.0.1");
  EXPECT_STREQ(service, "80");
}

}  // namespace
