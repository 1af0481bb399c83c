// Sockets of TCP and UDP over the NetworkManager.
//
// A connection is taken over at once, with the end of each direction told apart
// (AllowHalfOpen). Received buffers are kept as they came until they are read, which
// is the one copy; sent bytes are copied once, because write(2) gives them back.

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <system_error>
#include <utility>

#include "common/check.h"
#include "common/event_manager.h"
#include "common/network_manager.h"
#include "common/runtime.h"
#include "native/libc/file_table.h"
#include "native/posix/socket.h"
#include "platform/core.h"

namespace ebbrt::libc {
namespace {

/// Received bytes that wait to be read, before the peer is throttled.
constexpr int kReceiveLimit = 256 * 1024;
/// Sent bytes that the peer hasn't acknowledged, before writers have to wait.
constexpr int kSendLimit = 512 * 1024;
/// What a program may set instead (SO_RCVBUF, SO_SNDBUF).
constexpr int kLeastLimit = 2048;
constexpr int kMostLimit = 16 << 20;

int ErrorOf(const std::error_code& error) {
  return error.category() == std::generic_category() ||
                 error.category() == std::system_category()
             ? error.value()
             : EIO;
}

/// Calls f; an error negated for what it throws.
template <typename F>
int Try(F f) {
  try {
    return f();
  } catch (...) {
    return -ErrnoOfException();
  }
}

bool IsLoopback(const IpAddress& address) {
  return address.IsV4() ? address.V4().value >> 24 == 127
                        : address == IpAddress(0, 1);
}

const IpAddress kAnyV4{Ipv4Address{0}};

/// Whether the node has this address to bind to.
bool IsOurs(const IpAddress& address) {
  if (address == IpAddress() || address == kAnyV4 || IsLoopback(address)) {
    return true;
  }
  for (const IpAddress& ours : network_manager->Addresses()) {
    if (ours.bytes == address.bytes) return true;
  }
  return false;
}

/// Who is meant by a peer of nowhere: this node.
Endpoint ToReach(Endpoint remote) {
  if (remote.address == kAnyV4) remote.address = Ipv4Address{0x7F000001};
  if (remote.address == IpAddress()) remote.address = IpAddress(0, 1);
  return remote;
}

/// The address that a socket with none of its own is bound to.
IpAddress AnyOf(int family) {
  return family == AF_INET ? kAnyV4 : IpAddress();
}

/// Copies the front of `chain` into the pieces; how many bytes.
size_t CopyOut(const IOBuf& chain, std::span<const iovec> pieces) {
  size_t done = 0;
  for (const iovec& piece : pieces) {
    if (piece.iov_len == 0) continue;
    size_t count = chain.CopyOut(
        {static_cast<std::byte*>(piece.iov_base), piece.iov_len}, done);
    done += count;
    if (count < piece.iov_len) break;
  }
  return done;
}

/// Takes `bytes` off the front.
void Consume(std::unique_ptr<IOBuf>& chain, size_t bytes) {
  while (bytes > 0) {
    size_t step = std::min(bytes, chain->Length());
    chain->Advance(step);
    bytes -= step;
    if (chain->Empty()) chain = chain->Pop();
  }
}

std::unique_ptr<IOBuf> CopyIn(std::span<const iovec> pieces, size_t most) {
  auto data = IOBuf::Create(most);
  for (const iovec& piece : pieces) {
    size_t count = std::min(piece.iov_len, most - data->Length());
    std::memcpy(data->WritableTail(), piece.iov_base, count);
    data->Append(count);
  }
  return data;
}

/// What was sent in the last event leaves when that ends.
void LetOut(int) { SleepFor(std::chrono::milliseconds(1)).Get(); }

/// What both protocols have: the address it is bound to, and options that change
/// nothing here, which are remembered.
class InetSocket : public Socket {
 public:
  InetSocket(int family, int type, int protocol)
      : Socket(family, type, protocol) {
    static const bool registered = (runtime::BeforeExit(&LetOut), true);
    (void)registered;
  }

  int LocalName(SocketName& name) override {
    name = ToName(local_, family);
    return 0;
  }

  int SetOption(int level, int option, int value) override {
    if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY) {
      v6_only_ = value != 0;
      return 0;
    }
    if (level != SOL_SOCKET) return -ENOPROTOOPT;
    switch (option) {
      case SO_REUSEADDR:
      case SO_BROADCAST:
      case SO_KEEPALIVE:
        return 0;
      case SO_SNDBUF:
        send_limit_ = std::clamp(value, kLeastLimit, kMostLimit);
        return 0;
      case SO_RCVBUF:
        receive_limit_ = std::clamp(value, kLeastLimit, kMostLimit);
        return 0;
      default:
        return -ENOPROTOOPT;
    }
  }

  int GetOption(int level, int option, int& value) override {
    if (level == IPPROTO_IPV6 && option == IPV6_V6ONLY) {
      value = v6_only_;
      return 0;
    }
    if (level != SOL_SOCKET) return -ENOPROTOOPT;
    switch (option) {
      case SO_REUSEADDR:
      case SO_BROADCAST:
      case SO_KEEPALIVE:
        value = 1;
        return 0;
      case SO_SNDBUF:
        value = send_limit_;
        return 0;
      case SO_RCVBUF:
        value = receive_limit_;
        return 0;
      default:
        return -ENOPROTOOPT;
    }
  }

  void CheckCore() const final {
    EBBRT_CHECK(platform::CurrentCore() == core_,
                "a TCP or UDP socket is used on another core than the one that "
                "made it; run what uses it there (RunOn)");
  }

 protected:
  int CheckBind(const sockaddr* address, socklen_t size, Endpoint& local) {
    if (int error = ToEndpoint(address, size, family, local); error != 0) {
      return error;
    }
    if (bound_) return -EINVAL;
    return IsOurs(local.address) ? 0 : -EADDRNOTAVAIL;
  }

  const CoreId core_ = platform::CurrentCore();  // whose network it uses
  Endpoint local_{AnyOf(family), 0};
  bool bound_ = false;
  size_t SendLimit() const { return static_cast<size_t>(send_limit_); }
  size_t ReceiveLimit() const { return static_cast<size_t>(receive_limit_); }

  bool v6_only_ = false;
  int send_limit_ = kSendLimit;
  int receive_limit_ = kReceiveLimit;  // of UDP too: more is lost
};

// --- TCP -----------------------------------------------------------------------

class TcpSocket final : public InetSocket,
                        private TcpConnection::Handler,
                        public std::enable_shared_from_this<TcpSocket> {
 public:
  explicit TcpSocket(int family)
      : InetSocket(family, SOCK_STREAM, IPPROTO_TCP) {}
  TcpSocket(int family, std::unique_ptr<TcpConnection> connection)
      : TcpSocket(family) {
    Take(std::move(connection));
  }
  ~TcpSocket() override;

  int Bind(const sockaddr* address, socklen_t size) override;
  int Listen(int backlog) override;
  int Accept(std::shared_ptr<Socket>& accepted) override;
  int Connect(const sockaddr* address, socklen_t size) override;
  int Shutdown(int how) override;
  int RemoteName(SocketName& name) override;
  int SetOption(int level, int option, int value) override;
  int GetOption(int level, int option, int& value) override;
  int TakeError() override { return std::exchange(error_, 0); }
  void ResetAtClose(bool on) override { reset_at_close_ = on; }
  bool IsListening() const override { return listener_ != nullptr; }
  ssize_t Receive(std::span<const iovec> pieces, int& flags,
                  SocketName* from) override;
  ssize_t Send(std::span<const iovec> pieces, const sockaddr* to,
               socklen_t to_size) override;
  short Ready() override;
  ssize_t Available() override {
    CheckCore();
    return static_cast<ssize_t>(received_bytes_);
  }

 private:
  enum class State { kNew, kConnecting, kConnected, kOver };

  void Take(std::unique_ptr<TcpConnection> connection);
  void Connected(Future<std::unique_ptr<TcpConnection>> future);
  void OnReceive(std::unique_ptr<IOBuf> data) override;
  void OnEnd() override;
  void OnClosed(std::error_code error) override;
  void OnDrained() override { Changed(); }
  /// A third of the room is free, as Linux wants it before it says POLLOUT.
  size_t LowWater() const { return SendLimit() - SendLimit() / 3; }
  bool HasRoom() const { return connection_->QueuedBytes() <= LowWater(); }

  State state_ = State::kNew;
  std::unique_ptr<TcpListener> listener_;
  std::deque<std::shared_ptr<Socket>> accepted_;
  size_t backlog_ = 0;
  std::unique_ptr<TcpConnection> connection_;  // while it lives
  Endpoint remote_;
  std::unique_ptr<IOBuf> received_;
  size_t received_bytes_ = 0;
  int error_ = 0;              // to be told
  bool paused_ = false;
  bool peer_ended_ = false;
  bool ended_ = false;         // Shutdown for sending
  bool reading_shut_ = false;  // Shutdown for receiving
  bool reset_at_close_ = false;
};

TcpSocket::~TcpSocket() {
  CheckCore();
  if (connection_ == nullptr) return;
  // As Linux: a peer whose bytes nobody read is told so.
  if (reset_at_close_ || received_ != nullptr) {
    connection_->Abort();
  } else {
    connection_->Close();
  }
}

void TcpSocket::Take(std::unique_ptr<TcpConnection> connection) {
  connection_ = std::move(connection);
  state_ = State::kConnected;
  bound_ = true;
  local_ = connection_->Local();
  remote_ = connection_->Remote();
  connection_->AllowHalfOpen();
  connection_->SetLowWater(LowWater());
  connection_->SetHandler(this);
}

int TcpSocket::Bind(const sockaddr* address, socklen_t size) {
  Endpoint local;
  if (int error = CheckBind(address, size, local); error != 0) return error;
  // Who has the port, or which is free, is told now, not when it listens.
  int error = Try([&] {
    local.port =
        network_manager->Listen(local, [](std::unique_ptr<TcpConnection>) {})
            ->Local()
            .port;
    return 0;
  });
  if (error != 0) return error;
  local_ = local;
  bound_ = true;
  return 0;
}

int TcpSocket::Listen(int backlog) {
  if (state_ != State::kNew) return -EINVAL;
  backlog_ = static_cast<size_t>(std::clamp(backlog, 1, SOMAXCONN));
  if (listener_ != nullptr) return 0;
  return Try([&] {
    listener_ = network_manager->Listen(
        local_, [this](std::unique_ptr<TcpConnection> connection) {
          // The address "::" takes IPv4, too.
          bool foreign =
              v6_only_ && family == AF_INET6 && connection->Remote().address.IsV4();
          if (foreign || accepted_.size() >= backlog_) {
            connection->Abort();
            return;
          }
          accepted_.push_back(
              std::make_shared<TcpSocket>(family, std::move(connection)));
          Changed();
        });
    local_.port = listener_->Local().port;
    bound_ = true;
    return 0;
  });
}

int TcpSocket::Accept(std::shared_ptr<Socket>& accepted) {
  if (listener_ == nullptr) return -EINVAL;
  if (accepted_.empty()) return -EAGAIN;
  accepted = std::move(accepted_.front());
  accepted_.pop_front();
  return 0;
}

int TcpSocket::Connect(const sockaddr* address, socklen_t size) {
  Endpoint remote;
  if (int error = ToEndpoint(address, size, family, remote); error != 0) {
    return error;
  }
  if (state_ == State::kConnecting) return -EALREADY;
  if (state_ == State::kConnected) return -EISCONN;
  if (listener_ != nullptr) return -EOPNOTSUPP;
  if (remote.port == 0) return -ECONNREFUSED;
  remote_ = ToReach(remote);
  Endpoint from = local_;
  if (from.address == kAnyV4) from.address = IpAddress();
  state_ = State::kConnecting;
  peer_ended_ = ended_ = false;
  (void)network_manager->Connect(remote_, from)
      .Finally([weak = weak_from_this()](
                Future<std::unique_ptr<TcpConnection>> future) {
        if (auto self = weak.lock()) self->Connected(std::move(future));
      });
  return state_ == State::kConnecting ? -EINPROGRESS
         : state_ == State::kConnected ? 0
                                       : -TakeError();
}

void TcpSocket::Connected(Future<std::unique_ptr<TcpConnection>> future) {
  try {
    Take(future.Get());
  } catch (...) {
    state_ = State::kOver;
    error_ = ErrnoOfException();
  }
  Changed();
}

int TcpSocket::Shutdown(int how) {
  if (how < SHUT_RD || how > SHUT_RDWR) return -EINVAL;
  if (listener_ != nullptr) return how == SHUT_WR ? -ENOTCONN : 0;
  if (connection_ == nullptr) return -ENOTCONN;
  if (how != SHUT_WR) reading_shut_ = true;
  if (how != SHUT_RD && !std::exchange(ended_, true)) connection_->EndSend();
  Changed();
  return 0;
}

int TcpSocket::RemoteName(SocketName& name) {
  if (connection_ == nullptr) return -ENOTCONN;
  name = ToName(remote_, family);
  return 0;
}

int TcpSocket::SetOption(int level, int option, int value) {
  if (level != IPPROTO_TCP) {
    int result = InetSocket::SetOption(level, option, value);
    if (option == SO_SNDBUF && connection_ != nullptr) {
      connection_->SetLowWater(LowWater());
      Changed();  // which that alone doesn't tell
    }
    return result;
  }
  switch (option) {
    case TCP_NODELAY:  // always: what is sent together is gathered before
      return 0;
    case TCP_KEEPIDLE:
    case TCP_KEEPINTVL:
    case TCP_KEEPCNT:
      return value < 1 ? -EINVAL : 0;
    default:
      return -ENOPROTOOPT;
  }
}

int TcpSocket::GetOption(int level, int option, int& value) {
  if (level != IPPROTO_TCP) return InetSocket::GetOption(level, option, value);
  if (option != TCP_NODELAY) return -ENOPROTOOPT;
  value = 1;
  return 0;
}

void TcpSocket::OnReceive(std::unique_ptr<IOBuf> data) {
  if (reading_shut_) return;
  received_bytes_ += data->ChainLength();
  AppendCompact(received_, std::move(data));
  if (received_bytes_ >= ReceiveLimit() && !std::exchange(paused_, true)) {
    connection_->PauseReceive();
  }
  Changed();
}

void TcpSocket::OnEnd() {
  peer_ended_ = true;
  Changed();
}

void TcpSocket::OnClosed(std::error_code error) {
  if (error) error_ = ErrorOf(error);
  peer_ended_ = true;
  state_ = State::kOver;
  connection_.reset();
  Changed();
}

ssize_t TcpSocket::Receive(std::span<const iovec> pieces, int& flags,
                           SocketName*) {
  if (received_ != nullptr) {
    size_t count = CopyOut(*received_, pieces);
    if ((flags & MSG_PEEK) != 0) return static_cast<ssize_t>(count);
    Consume(received_, count);
    received_bytes_ -= count;
    if (paused_ && received_bytes_ < ReceiveLimit() / 2) {
      paused_ = false;
      if (connection_ != nullptr) connection_->ResumeReceive();
    }
    return static_cast<ssize_t>(count);
  }
  if (error_ != 0) return -TakeError();
  if (peer_ended_ || reading_shut_) return 0;
  return state_ == State::kConnected ? -EAGAIN : -ENOTCONN;
}

ssize_t TcpSocket::Send(std::span<const iovec> pieces, const sockaddr* to,
                        socklen_t) {
  if (to != nullptr && state_ == State::kConnected) return -EISCONN;
  if (error_ != 0) return -TakeError();
  if (ended_ || state_ == State::kOver) return -EPIPE;
  if (state_ == State::kConnecting) return -EAGAIN;
  if (connection_ == nullptr) return -ENOTCONN;
  size_t total = TotalOf(pieces);
  if (total == 0) return 0;
  size_t queued = connection_->QueuedBytes();
  if (queued >= SendLimit()) return -EAGAIN;
  size_t count = std::min(total, SendLimit() - queued);
  connection_->Send(CopyIn(pieces, count));
  return static_cast<ssize_t>(count);
}

short TcpSocket::Ready() {
  CheckCore();
  int ready = 0;
  if (listener_ != nullptr) return accepted_.empty() ? 0 : POLLIN;
  if (state_ == State::kConnecting) return 0;
  if (state_ == State::kNew) return POLLOUT | POLLHUP;
  if (received_ != nullptr || peer_ended_ || reading_shut_ || error_ != 0) {
    ready |= POLLIN;
  }
  if (peer_ended_) ready |= POLLRDHUP;
  if (connection_ == nullptr || ended_ || HasRoom()) ready |= POLLOUT;
  if ((peer_ended_ && ended_) || state_ == State::kOver) ready |= POLLHUP;
  if (error_ != 0) ready |= POLLERR;
  return static_cast<short>(ready);
}

// --- UDP -----------------------------------------------------------------------

class UdpSocketDescription final : public InetSocket {
 public:
  explicit UdpSocketDescription(int family)
      : InetSocket(family, SOCK_DGRAM, IPPROTO_UDP) {}
  ~UdpSocketDescription() override { CheckCore(); }

  int Bind(const sockaddr* address, socklen_t size) override;
  int Listen(int) override { return -EOPNOTSUPP; }
  int Connect(const sockaddr* address, socklen_t size) override;
  int Shutdown(int) override { return remote_ ? 0 : -ENOTCONN; }
  int RemoteName(SocketName& name) override;
  ssize_t Receive(std::span<const iovec> pieces, int& flags,
                  SocketName* from) override;
  ssize_t Send(std::span<const iovec> pieces, const sockaddr* to,
               socklen_t to_size) override;
  short Ready() override {
    CheckCore();
    return waiting_.empty() ? POLLOUT : POLLIN | POLLOUT;
  }
  ssize_t Available() override {
    CheckCore();
    return waiting_.empty() ? 0 : waiting_.front().Size();
  }

 private:
  struct Datagram {
    Endpoint from;
    std::unique_ptr<IOBuf> data;  // null if empty
    ssize_t Size() const {
      return data == nullptr ? 0 : static_cast<ssize_t>(data->ChainLength());
    }
    /// The memory that it takes, which is the device's buffers.
    size_t Held() const {
      size_t held = sizeof(Datagram);
      const IOBuf* piece = data.get();
      if (piece == nullptr) return held;
      do {
        held += piece->Capacity();
        piece = piece->Next();
      } while (piece != data.get());
      return held;
    }
  };

  int BindTo(const Endpoint& local);

  std::unique_ptr<UdpSocket> socket_;
  std::optional<Endpoint> remote_;
  std::deque<Datagram> waiting_;
  size_t waiting_bytes_ = 0;
};

int UdpSocketDescription::BindTo(const Endpoint& local) {
  return Try([&] {
    socket_ = network_manager->BindUdp(
        local, [this](Endpoint from, std::unique_ptr<IOBuf> data) {
          Datagram datagram{from, std::move(data)};
          size_t size = datagram.Held();
          bool foreign = family == AF_INET && !from.address.IsV4();
          if (foreign || (remote_ && from != *remote_) ||
              waiting_bytes_ + size > ReceiveLimit()) {
            return;
          }
          waiting_bytes_ += size;
          waiting_.push_back(std::move(datagram));
          Changed();
        });
    local_ = {local.address, socket_->Local().port};
    bound_ = true;
    return 0;
  });
}

int UdpSocketDescription::Bind(const sockaddr* address, socklen_t size) {
  Endpoint local;
  if (int error = CheckBind(address, size, local); error != 0) return error;
  return BindTo(local);
}

int UdpSocketDescription::Connect(const sockaddr* address, socklen_t size) {
  if (address != nullptr && size >= sizeof(sa_family_t) &&
      address->sa_family == AF_UNSPEC) {
    remote_.reset();
    return 0;
  }
  Endpoint remote;
  if (int error = ToEndpoint(address, size, family, remote); error != 0) {
    return error;
  }
  if (!bound_) {
    if (int error = BindTo(local_); error != 0) return error;
  }
  remote_ = ToReach(remote);
  return 0;
}

int UdpSocketDescription::RemoteName(SocketName& name) {
  if (!remote_) return -ENOTCONN;
  name = ToName(*remote_, family);
  return 0;
}

ssize_t UdpSocketDescription::Receive(std::span<const iovec> pieces, int& flags,
                                      SocketName* from) {
  if (waiting_.empty()) return -EAGAIN;
  Datagram& datagram = waiting_.front();
  auto size = static_cast<size_t>(datagram.Size());
  size_t count = datagram.data == nullptr ? 0 : CopyOut(*datagram.data, pieces);
  if (from != nullptr) *from = ToName(datagram.from, family);
  bool peek = (flags & MSG_PEEK) != 0;
  flags = count < size ? MSG_TRUNC : 0;
  if (!peek) {
    waiting_bytes_ -= datagram.Held();
    waiting_.pop_front();
  }
  return static_cast<ssize_t>(count);
}

ssize_t UdpSocketDescription::Send(std::span<const iovec> pieces,
                                   const sockaddr* to, socklen_t to_size) {
  Endpoint remote;
  if (to != nullptr) {
    if (int error = ToEndpoint(to, to_size, family, remote); error != 0) {
      return error;
    }
    remote = ToReach(remote);
  } else if (remote_) {
    remote = *remote_;
  } else {
    return -EDESTADDRREQ;
  }
  if (remote.port == 0) return -EINVAL;
  if (!bound_) {
    if (int error = BindTo(local_); error != 0) return error;
  }
  size_t total = TotalOf(pieces);
  if (total > UdpSocket::MaxPayload(remote.address)) return -EMSGSIZE;
  int error = Try([&] {
    socket_->SendTo(remote, total == 0 ? nullptr : CopyIn(pieces, total));
    return 0;
  });
  return error != 0 ? error : static_cast<ssize_t>(total);
}

}  // namespace

std::shared_ptr<Socket> MakeTcpSocket(int family) {
  return std::make_shared<TcpSocket>(family);
}

std::shared_ptr<Socket> MakeUdpSocket(int family) {
  return std::make_shared<UdpSocketDescription>(family);
}

}  // namespace ebbrt::libc
