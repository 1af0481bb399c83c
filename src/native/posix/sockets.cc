// The C functions on sockets, and on descriptors of all kinds (writev, ioctl).

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdarg>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "common/network_manager.h"
#include "native/libc/file_table.h"
#include "native/libc/standard_stream.h"
#include "native/posix/socket.h"
#include "platform/log.h"

namespace {

using ebbrt::libc::Description;
using ebbrt::libc::FileTable;
using ebbrt::libc::Guard;
using ebbrt::libc::Retry;
using ebbrt::libc::Socket;
using ebbrt::libc::SocketName;
using ebbrt::libc::StandardStream;

std::shared_ptr<Socket> FindSocket(int fd) {
  auto socket = FileTable::Get().FindSocket(fd);
  socket->CheckCore();
  return socket;
}

/// Whether this core has a network for sockets; the console says why not.
bool HasNetwork() {
  try {
    (void)ebbrt::network_manager.Rep();
    return true;
  } catch (const std::exception& error) {
    ebbrt::platform::WriteConsole(std::string("ebbrt: socket: ") +
                                  error.what() + "\n");
    return false;
  }
}

int AddSocket(std::shared_ptr<Socket> socket, int flags) {
  socket->nonblocking = (flags & SOCK_NONBLOCK) != 0;
  return FileTable::Get().Add(std::move(socket));
}

/// Gives an address out as far as there is room, and tells its whole length.
void PutName(const SocketName& name, sockaddr* address, socklen_t* size) {
  if (address == nullptr || size == nullptr) return;
  std::memcpy(address, &name.storage, std::min(*size, name.size));
  *size = name.size;
}

/// Gives an option's value out as far as there is room.
int PutValue(const void* value, socklen_t have, void* to, socklen_t* size) {
  if (to == nullptr || size == nullptr) return -EFAULT;
  *size = std::min(*size, have);
  std::memcpy(to, value, *size);
  return 0;
}

ssize_t Receive(int fd, std::span<const iovec> pieces, int& flags,
                SocketName* from) {
  auto socket = FindSocket(fd);
  if ((flags & MSG_OOB) != 0) return -EINVAL;
  return socket->ReceiveAll(pieces, flags, from);
}

ssize_t Send(int fd, std::span<const iovec> pieces, int flags,
             const sockaddr* to, socklen_t to_size) {
  auto socket = FindSocket(fd);
  if ((flags & MSG_OOB) != 0) return -EOPNOTSUPP;
  return socket->SendAll(pieces, flags, to, to_size);
}

/// The value of every socket's options; -ENOPROTOOPT for others.
int CommonOption(Socket& socket, int option, int& value) {
  switch (option) {
    case SO_TYPE:
      value = socket.type;
      return 0;
    case SO_DOMAIN:
      value = socket.family;
      return 0;
    case SO_ERROR:
      value = socket.TakeError();
      return 0;
    case SO_ACCEPTCONN:
      value = socket.IsListening();
      return 0;
    default:
      return -ENOPROTOOPT;
  }
}

}  // namespace

extern "C" {

const in6_addr in6addr_any = IN6ADDR_ANY_INIT;
const in6_addr in6addr_loopback = IN6ADDR_LOOPBACK_INIT;

int socket(int family, int type, int protocol) {
  return Guard([&] {
    int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    bool inet = family == AF_INET || family == AF_INET6;
    if (!inet && family != AF_UNIX) return -EAFNOSUPPORT;
    if (inet && !HasNetwork()) return -ENETDOWN;
    if (inet && kind == SOCK_STREAM &&
        (protocol == 0 || protocol == IPPROTO_TCP)) {
      return AddSocket(ebbrt::libc::MakeTcpSocket(family), type);
    }
    if (inet && kind == SOCK_DGRAM &&
        (protocol == 0 || protocol == IPPROTO_UDP)) {
      return AddSocket(ebbrt::libc::MakeUdpSocket(family), type);
    }
    if (family == AF_UNIX && kind == SOCK_STREAM && protocol == 0) {
      return AddSocket(ebbrt::libc::MakeLocalSocket(), type);
    }
    return -EPROTONOSUPPORT;
  });
}

int socketpair(int family, int type, int protocol, int ends[2]) {
  return Guard([&] {
    int kind = type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (family != AF_UNIX) return -EOPNOTSUPP;
    if (kind != SOCK_STREAM || protocol != 0) return -EPROTONOSUPPORT;
    std::shared_ptr<Socket> made[2];
    ebbrt::libc::MakeLocalPair(made);
    int first = AddSocket(std::move(made[0]), type);
    try {
      ends[1] = AddSocket(std::move(made[1]), type);
    } catch (...) {
      FileTable::Get().Set(first, nullptr);
      throw;
    }
    ends[0] = first;
    return 0;
  });
}

int bind(int fd, const sockaddr* address, socklen_t size) {
  return Guard([&] { return FindSocket(fd)->Bind(address, size); });
}

int listen(int fd, int backlog) {
  return Guard([&] { return FindSocket(fd)->Listen(backlog); });
}

int accept4(int fd, sockaddr* address, socklen_t* size, int flags) {
  return Guard([&] {
    auto socket = FindSocket(fd);
    std::shared_ptr<Socket> accepted;
    auto error = static_cast<int>(Retry(*socket, POLLIN, false, [&] {
      return static_cast<ssize_t>(socket->Accept(accepted));
    }));
    if (error < 0) return error;
    SocketName name;
    accepted->RemoteName(name);
    PutName(name, address, size);
    return AddSocket(std::move(accepted), flags);
  });
}

int accept(int fd, sockaddr* address, socklen_t* size) {
  return accept4(fd, address, size, 0);
}

int connect(int fd, const sockaddr* address, socklen_t size) {
  return Guard([&] {
    auto socket = FindSocket(fd);
    int result = socket->Connect(address, size);
    if (result != -EINPROGRESS || socket->nonblocking) return result;
    ebbrt::libc::WaitUntilReady(*socket, POLLOUT);
    return -socket->TakeError();
  });
}

int shutdown(int fd, int how) {
  return Guard([&] { return FindSocket(fd)->Shutdown(how); });
}

int getsockname(int fd, sockaddr* address, socklen_t* size) {
  return Guard([&] {
    SocketName name;
    int error = FindSocket(fd)->LocalName(name);
    if (error == 0) PutName(name, address, size);
    return error;
  });
}

int getpeername(int fd, sockaddr* address, socklen_t* size) {
  return Guard([&] {
    SocketName name;
    int error = FindSocket(fd)->RemoteName(name);
    if (error == 0) PutName(name, address, size);
    return error;
  });
}

int getsockopt(int fd, int level, int option, void* to, socklen_t* size) {
  return Guard([&] {
    auto socket = FindSocket(fd);
    int value = 0;
    int error = level == SOL_SOCKET ? CommonOption(*socket, option, value)
                                    : -ENOPROTOOPT;
    if (error != 0) error = socket->GetOption(level, option, value);
    return error != 0 ? error : PutValue(&value, sizeof value, to, size);
  });
}

int setsockopt(int fd, int level, int option, const void* value,
               socklen_t size) {
  return Guard([&] {
    auto socket = FindSocket(fd);
    if (value == nullptr) return -EFAULT;
    if (level == SOL_SOCKET && option == SO_LINGER) {
      if (size < sizeof(linger)) return -EINVAL;
      linger how;
      std::memcpy(&how, value, sizeof how);
      socket->ResetAtClose(how.l_onoff != 0 && how.l_linger == 0);
      return 0;
    }
    int number = 0;
    if (size < sizeof number) return -EINVAL;
    std::memcpy(&number, value, sizeof number);
    return socket->SetOption(level, option, number);
  });
}

ssize_t recv(int fd, void* data, size_t size, int flags) {
  return recvfrom(fd, data, size, flags, nullptr, nullptr);
}

ssize_t recvfrom(int fd, void* data, size_t size, int flags, sockaddr* address,
                 socklen_t* address_size) {
  return Guard([&] {
    iovec piece{data, size};
    SocketName from;
    ssize_t result = Receive(fd, {&piece, 1}, flags, &from);
    if (result >= 0) PutName(from, address, address_size);
    return result;
  });
}

ssize_t recvmsg(int fd, msghdr* message, int flags) {
  return Guard([&] {
    SocketName from;
    ssize_t result =
        Receive(fd, {message->msg_iov, message->msg_iovlen}, flags, &from);
    if (result < 0) return result;
    PutName(from, static_cast<sockaddr*>(message->msg_name),
            &message->msg_namelen);
    message->msg_flags = flags;
    message->msg_controllen = 0;
    return result;
  });
}

ssize_t send(int fd, const void* data, size_t size, int flags) {
  return sendto(fd, data, size, flags, nullptr, 0);
}

ssize_t sendto(int fd, const void* data, size_t size, int flags,
               const sockaddr* address, socklen_t address_size) {
  return Guard([&] {
    iovec piece{const_cast<void*>(data), size};
    return Send(fd, {&piece, 1}, flags, address, address_size);
  });
}

ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  return Guard([&]() -> ssize_t {
    if (message->msg_controllen != 0) return -EOPNOTSUPP;
    return Send(fd, {message->msg_iov, message->msg_iovlen}, flags,
                static_cast<const sockaddr*>(message->msg_name),
                message->msg_namelen);
  });
}

// --- all kinds -----------------------------------------------------------------

ssize_t writev(int fd, const iovec* parts, int count) {
  return Guard([&]() -> ssize_t {
    if (count < 0 || count > IOV_MAX) return -EINVAL;
    std::vector<std::span<const std::byte>> pieces;
    pieces.reserve(static_cast<size_t>(count));
    for (int i = 0; i < count; ++i) {
      pieces.emplace_back(static_cast<const std::byte*>(parts[i].iov_base),
                          parts[i].iov_len);
    }
    return FileTable::Get().Find(fd)->WriteAll(pieces);
  });
}

int ioctl(int fd, unsigned long request, ...) {
  va_list arguments;
  va_start(arguments, request);
  void* argument = va_arg(arguments, void*);
  va_end(arguments);
  return Guard([&] {
    auto description = FileTable::Get().Find(fd);
    switch (request) {
      case FIONBIO:
        description->nonblocking = *static_cast<int*>(argument) != 0;
        return 0;
      case FIOCLEX:
      case FIONCLEX:  // nothing is ever executed
        return 0;
      case FIONREAD: {
        ssize_t have = description->Available();
        if (have < 0) return static_cast<int>(have);
        *static_cast<int*>(argument) = static_cast<int>(have);
        return 0;
      }
      case TIOCGWINSZ: {
        auto* stream = dynamic_cast<StandardStream*>(description.get());
        if (stream == nullptr) return -ENOTTY;
        auto state = stream->State();
        if (!state.terminal) return -ENOTTY;
        *static_cast<winsize*>(argument) = {
            static_cast<unsigned short>(state.rows),
            static_cast<unsigned short>(state.columns), 0, 0};
        return 0;
      }
      default:
        return -ENOTTY;
    }
  });
}

}  // extern "C"
