// What bench/images/exchange.cc is, for the Linux machine: a thread for each
// connection, which blocks in read and write. That is NetPIPE's way, and the
// cheapest that Linux has for few connections.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <thread>
#include <vector>

namespace {

bool ReadAll(int fd, char* data, size_t size) {
  while (size > 0) {
    ssize_t got = read(fd, data, size);
    if (got <= 0) return false;
    data += got;
    size -= static_cast<size_t>(got);
  }
  return true;
}

bool WriteAll(int fd, const char* data, size_t size) {
  while (size > 0) {
    ssize_t put = write(fd, data, size);
    if (put <= 0) return false;
    data += put;
    size -= static_cast<size_t>(put);
  }
  return true;
}

void Serve(int fd) {
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  uint32_t size = 0;
  if (ReadAll(fd, reinterpret_cast<char*>(&size), sizeof(size))) {
    std::vector<char> message(size);
    while (ReadAll(fd, message.data(), size) &&
           WriteAll(fd, message.data(), size)) {
    }
  }
  close(fd);
}

}  // namespace

int main() {
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(5002);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof(address)) !=
          0 ||
      listen(listener, 128) != 0) {
    std::perror("exchange_server");
    return 1;
  }
  std::puts("bench: ready");
  std::fflush(stdout);
  for (;;) {
    int fd = accept(listener, nullptr, nullptr);
    if (fd >= 0) std::thread(Serve, fd).detach();
  }
}
