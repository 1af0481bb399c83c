#include "native/posix/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>

#include <cerrno>
#include <cstring>

namespace ebbrt::libc {
namespace {

IpAddress FromIn6(const in6_addr& address) {
  IpAddress result;
  std::memcpy(result.bytes.data(), address.s6_addr, result.bytes.size());
  return result;
}

}  // namespace

int ToEndpoint(const sockaddr* address, socklen_t size, int family,
               Endpoint& endpoint) {
  if (address == nullptr) return -EFAULT;
  if (size < sizeof(sa_family_t)) return -EINVAL;
  if (address->sa_family != family) return -EAFNOSUPPORT;
  if (family == AF_INET) {
    if (size < sizeof(sockaddr_in)) return -EINVAL;
    sockaddr_in in;
    std::memcpy(&in, address, sizeof in);
    endpoint = {Ipv4Address{ntohl(in.sin_addr.s_addr)}, ntohs(in.sin_port)};
    return 0;
  }
  if (size < sizeof(sockaddr_in6)) return -EINVAL;
  sockaddr_in6 in;
  std::memcpy(&in, address, sizeof in);
  endpoint = {FromIn6(in.sin6_addr), ntohs(in.sin6_port)};
  endpoint.address.zone = in.sin6_scope_id;
  return 0;
}

SocketName ToName(const Endpoint& endpoint, int family) {
  SocketName name;
  if (family == AF_INET) {
    sockaddr_in in{};
    in.sin_family = AF_INET;
    in.sin_port = htons(endpoint.port);
    if (endpoint.address.IsV4()) {
      in.sin_addr.s_addr = htonl(endpoint.address.V4().value);
    }
    std::memcpy(&name.storage, &in, sizeof in);
    name.size = sizeof in;
    return name;
  }
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(endpoint.port);
  std::memcpy(in.sin6_addr.s6_addr, endpoint.address.bytes.data(),
              endpoint.address.bytes.size());
  in.sin6_scope_id = endpoint.address.zone;
  std::memcpy(&name.storage, &in, sizeof in);
  name.size = sizeof in;
  return name;
}

int Socket::Accept(std::shared_ptr<Socket>&) { return -EOPNOTSUPP; }

ssize_t Socket::Read(std::span<std::byte> to) {
  iovec piece{to.data(), to.size()};
  return Retry(*this, POLLIN, false, [&] {
    int flags = 0;
    return Receive({&piece, 1}, flags, nullptr);
  });
}

ssize_t Socket::Write(std::span<const std::byte> data) {
  return WriteAll({&data, 1});
}

ssize_t Socket::WriteAll(std::span<const std::span<const std::byte>> pieces) {
  std::vector<iovec> parts;
  for (auto piece : pieces) {
    parts.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
  }
  return Retry(*this, POLLOUT, false, [&] { return Send(parts, nullptr, 0); });
}

void Socket::Status(struct stat& status) {
  status = {};
  status.st_mode = S_IFSOCK | S_IRUSR | S_IWUSR;
}

}  // namespace ebbrt::libc
