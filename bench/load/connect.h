// What the loads share: the server's address, connections to it, and errors.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace load {

/// Says what failed, with errno's reason, and exits.
[[noreturn]] inline void Fail(const char* what) {
  std::fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what,
               std::strerror(errno));
  std::exit(1);
}

/// The server's IPv4 address and port as given in words; exits if the first is
/// none.
inline sockaddr_in ParseServer(const char* address, const char* port) {
  sockaddr_in server{};
  server.sin_family = AF_INET;
  server.sin_port = htons(static_cast<uint16_t>(std::atoi(port)));
  if (inet_pton(AF_INET, address, &server.sin_addr) != 1) {
    std::fprintf(stderr, "%s: %s is no address\n",
                 program_invocation_short_name, address);
    std::exit(2);
  }
  return server;
}

/// A connection that sends at once what it is given. Waits until it is made.
inline int Connect(const sockaddr_in& server) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) Fail("socket");
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (connect(fd, reinterpret_cast<const sockaddr*>(&server), sizeof(server)) !=
      0) {
    Fail("connect");
  }
  return fd;
}

/// The load is set up and reads its orders.
inline void SayReady() {
  std::puts("ready");
  std::fflush(stdout);
}

}  // namespace load
