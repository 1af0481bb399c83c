#include "native/posix/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace ebbrt::libc {
namespace {

IpAddress FromIn6(const in6_addr& address) {
  IpAddress result;
  std::memcpy(result.bytes.data(), address.s6_addr, result.bytes.size());
  return result;
}

/// What is left of `pieces` after `done` bytes.
std::vector<iovec> Rest(std::span<const iovec> pieces, size_t done) {
  std::vector<iovec> rest;
  for (iovec piece : pieces) {
    size_t skipped = std::min(done, piece.iov_len);
    done -= skipped;
    piece.iov_base = static_cast<std::byte*>(piece.iov_base) + skipped;
    piece.iov_len -= skipped;
    if (piece.iov_len > 0) rest.push_back(piece);
  }
  return rest;
}

/// Calls step, which gives bytes, 0 at the end, or a negated error, until all of
/// `pieces` is done if that is wanted.
template <typename Step>
ssize_t Transfer(std::span<const iovec> pieces, bool whole, Step step) {
  ssize_t done = step(pieces);
  if (!whole || done <= 0) return done;
  const auto total = static_cast<ssize_t>(TotalOf(pieces));
  while (done < total) {
    auto rest = Rest(pieces, static_cast<size_t>(done));
    ssize_t more = step(rest);
    if (more <= 0) break;
    done += more;
  }
  return done;
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

ssize_t Socket::SendAll(std::span<const iovec> pieces, int flags,
                        const sockaddr* to, socklen_t to_size) {
  CheckCore();
  bool dont_wait = (flags & MSG_DONTWAIT) != 0;
  bool whole = !dont_wait && !nonblocking && type == SOCK_STREAM;
  return Transfer(pieces, whole, [&](std::span<const iovec> rest) {
    return Retry(*this, POLLOUT, dont_wait,
                 [&] { return Send(rest, to, to_size); });
  });
}

ssize_t Socket::ReceiveAll(std::span<const iovec> pieces, int& flags,
                           SocketName* from) {
  CheckCore();
  const int wanted = flags;
  bool dont_wait = (wanted & MSG_DONTWAIT) != 0;
  bool whole = (wanted & (MSG_WAITALL | MSG_PEEK)) == MSG_WAITALL &&
               !dont_wait && !nonblocking && type == SOCK_STREAM;
  return Transfer(pieces, whole, [&](std::span<const iovec> rest) {
    return Retry(*this, POLLIN, dont_wait, [&] {
      flags = wanted;
      return Receive(rest, flags, from);
    });
  });
}

int Socket::Accept(std::shared_ptr<Socket>&) { return -EOPNOTSUPP; }

ssize_t Socket::Read(std::span<std::byte> to) {
  iovec piece{to.data(), to.size()};
  int flags = 0;
  return ReceiveAll({&piece, 1}, flags, nullptr);
}

ssize_t Socket::Write(std::span<const std::byte> data) {
  return WriteAll({&data, 1});
}

ssize_t Socket::WriteAll(std::span<const std::span<const std::byte>> pieces) {
  std::vector<iovec> parts;
  for (auto piece : pieces) {
    parts.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
  }
  return SendAll(parts, 0, nullptr, 0);
}

void Socket::Status(struct stat& status) {
  status = {};
  status.st_mode = S_IFSOCK | S_IRUSR | S_IWUSR;
}

}  // namespace ebbrt::libc
