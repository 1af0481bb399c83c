// Socket: what a descriptor of socket(2) leads to.
//
// Three kinds: TCP and UDP over the NetworkManager (inet_socket.cc), whose
// members are called on the core that made them, and streams inside the node
// (local_socket.cc). Members give 0 or more, or an error negated; blocking is
// the caller's (sockets.cc).
#pragma once

#include <sys/socket.h>

#include <memory>
#include <span>
#include <vector>

#include "common/endpoint.h"
#include "native/libc/description.h"

namespace ebbrt::libc {

/// An address with its length.
struct SocketName {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* Get() const {
    return reinterpret_cast<const sockaddr*>(&storage);
  }
};

/// The endpoint that a sockaddr of `family` names, or an error; a socket of IPv6
/// takes those of IPv4 as ::ffff:a.b.c.d only.
int ToEndpoint(const sockaddr* address, socklen_t size, int family,
               Endpoint& endpoint);
/// As a socket of `family` shows it.
SocketName ToName(const Endpoint& endpoint, int family);

class Socket : public Description {
 public:
  Socket(int family, int type, int protocol)
      : family(family), type(type), protocol(protocol) {}

  const int family;
  const int type;
  const int protocol;

  /// Panics on a core on which its members may not be called.
  virtual void CheckCore() const {}

  virtual int Bind(const sockaddr* address, socklen_t size) = 0;
  virtual int Listen(int backlog) = 0;
  /// -EAGAIN if nobody has connected.
  virtual int Accept(std::shared_ptr<Socket>& accepted);
  /// -EINPROGRESS: POLLOUT tells the end of it.
  virtual int Connect(const sockaddr* address, socklen_t size) = 0;
  virtual int Shutdown(int how) = 0;
  virtual int LocalName(SocketName& name) = 0;
  virtual int RemoteName(SocketName& name) = 0;
  /// Options of SOL_SOCKET that all have are sockets.cc's.
  virtual int SetOption(int level, int option, int value) = 0;
  virtual int GetOption(int level, int option, int& value) = 0;
  /// The error that waits to be told, which is then told.
  virtual int TakeError() { return 0; }
  /// linger.l_onoff with no time: its end is a reset.
  virtual void ResetAtClose(bool) {}
  virtual bool IsListening() const { return false; }

  /// `from` is filled for datagrams; `flags`: MSG_PEEK in, MSG_TRUNC out.
  virtual ssize_t Receive(std::span<const iovec> pieces, int& flags,
                          SocketName* from) = 0;
  /// `to` is null unless an address was given.
  virtual ssize_t Send(std::span<const iovec> pieces, const sockaddr* to,
                       socklen_t to_size) = 0;

  /// Send and Receive as the calls on sockets are: they block unless `flags` has
  /// MSG_DONTWAIT. What blocks sends all, and with MSG_WAITALL receives all,
  /// unless an error or the end comes before; they tell what was done until then.
  ssize_t SendAll(std::span<const iovec> pieces, int flags, const sockaddr* to,
                  socklen_t to_size);
  ssize_t ReceiveAll(std::span<const iovec> pieces, int& flags,
                     SocketName* from);

  ssize_t Read(std::span<std::byte> to) override;
  ssize_t Write(std::span<const std::byte> data) override;
  ssize_t WriteAll(
      std::span<const std::span<const std::byte>> pieces) override;
  void Status(struct stat& status) override;
  Socket* AsSocket() override { return this; }
};

std::shared_ptr<Socket> MakeTcpSocket(int family);
std::shared_ptr<Socket> MakeUdpSocket(int family);
std::shared_ptr<Socket> MakeLocalSocket();
void MakeLocalPair(std::shared_ptr<Socket> ends[2]);

/// The bytes of all pieces.
inline size_t TotalOf(std::span<const iovec> pieces) {
  size_t total = 0;
  for (const iovec& piece : pieces) total += piece.iov_len;
  return total;
}

}  // namespace ebbrt::libc
