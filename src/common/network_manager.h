// NetworkManager: TCP and UDP as an Ebb, the same on Linux sockets and on our
// own stack.
//
// A connection belongs to one core: the one on which it was accepted or
// connected. All its members are called there, and all its callbacks run there,
// inside an event, so neither side needs a lock. Data is handed over, never
// copied at this interface: what arrives is the device's own buffer (natively),
// what is sent is kept until the peer acknowledged it.
//
// Order of calls on a connection:
//   made (by Connect or a listener) -> SetHandler, at once, before the event
//   that made it ends -> any of Send/Pause/Resume -> Close or Abort or
//   destruction. OnClosed is the last callback; none follows Close, Abort or
//   destruction.
#pragma once

#include <cstdint>
#include <memory>
#include <system_error>
#include <vector>

#include "common/base_ebbs.h"
#include "common/ebb_ref.h"
#include "common/endpoint.h"
#include "common/future.h"
#include "common/iobuf.h"
#include "common/move_function.h"

namespace ebbrt {

/// One TCP connection. Owned by whoever holds the pointer; may be destroyed
/// inside any of its own callbacks.
class TcpConnection {
 public:
  /// What the application does with what happens. Not owned by the connection:
  /// must outlive it, or its SetHandler(another).
  class Handler {
   public:
    virtual ~Handler() = default;
    /// In-order bytes; a chain of at least one byte. Ownership passes.
    virtual void OnReceive(std::unique_ptr<IOBuf> data) = 0;
    /// The connection is over: an error, or, with a value of zero, the peer's
    /// orderly end. Queued data is still sent in the orderly case if the
    /// connection is then Close()d or destroyed.
    virtual void OnClosed(std::error_code error) = 0;
    /// After AllowHalfOpen: the peer has ended its side, behind all of its data.
    /// Ours goes on.
    virtual void OnEnd() {}
    /// QueuedBytes() is down at the low-water mark, zero unless SetLowWater was
    /// called, after a Send that left it above.
    virtual void OnDrained() {}
  };

  /// Ends the connection as Close() does.
  virtual ~TcpConnection() = default;

  virtual void SetHandler(Handler* handler) = 0;

  /// Queues a chain for sending, in order. Never blocks and never fails; after
  /// OnClosed the data is dropped. What the events of this turn queued leaves
  /// when the event ends, in as few segments as possible. The queue is not
  /// bounded here: a server that answers clients who don't read watches
  /// QueuedBytes().
  virtual void Send(std::unique_ptr<IOBuf> data) = 0;

  /// Bytes given to Send that the stack has not taken yet: natively not yet
  /// acknowledged by the peer, on Linux not yet taken by the socket.
  virtual size_t QueuedBytes() const = 0;

  /// Sets OnDrained's low-water mark, bytes; calls nothing. Who has more to send
  /// than it may queue goes on there, not when the peer has acknowledged the
  /// last byte, for which it may take its time (RFC 1122 §4.2.3.2).
  virtual void SetLowWater(size_t bytes) = 0;

  /// Stops OnReceive (the peer is throttled by the window), and with it the
  /// peer's orderly end, until resumed.
  virtual void PauseReceive() = 0;
  virtual void ResumeReceive() = 0;

  /// From now on the peer's orderly end is told by OnEnd, and the connection goes
  /// on: Send until EndSend or Close, and OnClosed for an error.
  virtual void AllowHalfOpen() = 0;
  /// Sends what is queued, then the end of stream; receiving goes on. Send drops
  /// what comes later.
  virtual void EndSend() = 0;

  /// Sends what is queued, then the end of stream. No callback follows.
  virtual void Close() = 0;
  /// Drops what is queued and resets the connection. No callback follows.
  virtual void Abort() = 0;

  virtual Endpoint Local() const = 0;
  virtual Endpoint Remote() const = 0;
};

/// A listening port. Destroying it stops listening; accepted connections live.
class TcpListener {
 public:
  virtual ~TcpListener() = default;
  /// The bound address; the port is the one chosen when 0 was asked for.
  virtual Endpoint Local() const = 0;
};

/// A UDP port. Used and destroyed on the core that bound it, in events, and so
/// is its handler called. Owned by whoever holds the pointer; may be destroyed
/// inside its own handler, which is then not called again.
class UdpSocket {
 public:
  /// The largest payload of a datagram, bytes: a packet has 65,535 with the
  /// headers of UDP (RFC 768) and IPv4 (RFC 791) or IPv6 (RFC 8200), of which
  /// back-ends don't use what goes beyond.
  static constexpr size_t kMaxPayload = 65535 - 20 - 8;
  static constexpr size_t kMaxPayload6 = 65535 - 40 - 8;
  static size_t MaxPayload(const IpAddress& to) {
    return to.IsV4() ? kMaxPayload : kMaxPayload6;
  }

  virtual ~UdpSocket() = default;

  /// Sends `data`, or nothing for null, as one datagram. As the network may, it
  /// loses it when there is no memory, no room or no way there. Throws
  /// std::system_error (message_size) above MaxPayload, and
  /// (address_family_not_supported) for IPv6 in an image that has none.
  virtual void SendTo(Endpoint to, std::unique_ptr<IOBuf> data) = 0;

  /// The bound address; the port is the one chosen when 0 was asked for.
  virtual Endpoint Local() const = 0;
};

/// The node's network. Listeners and connections are made and used on the calling
/// core: on Linux on any, natively on core 0, or on each core that has a stack
/// (common/listen_on_all_cores.h); the call of another one is refused by an
/// exception that says so.
class NetworkManager {
 public:
  using AcceptHandler = MoveFunction<void(std::unique_ptr<TcpConnection>)>;
  /// Takes a datagram; `data` is null if it is empty.
  using DatagramHandler =
      MoveFunction<void(Endpoint from, std::unique_ptr<IOBuf> data)>;

  static NetworkManager& HandleFault(EbbId id);

  virtual ~NetworkManager() = default;

  /// Resolves when the node has an address that others can reach: one of IPv4
  /// (static or by DHCP), a static one of IPv6, or, without a lease in time, one
  /// of a network that a router tells of; on Linux at once. Fails with
  /// std::system_error when there is no network device (no_such_device), none
  /// of these within the deadline (timed_out), or another node has the static
  /// IPv6 address (address_in_use). A node always reaches itself, at 127.0.0.0/8 and, once it has
  /// one, at its own address: for that nobody need wait for this, and without
  /// any device it works all the same, as does ::1.
  virtual Future<void> Up() = 0;

  /// This node's IPv4 address, 0.0.0.0 before Up(); the loopback's on Linux and
  /// on a node without network device.
  virtual Ipv4Address Address() const = 0;

  /// All addresses at which others reach this node, now: routers give and take
  /// some. The link-local one, with its zone, too. Empty on a node without
  /// network device.
  virtual std::vector<IpAddress> Addresses() const = 0;

  /// Listens at `local`: port 0 is a free one that is chosen, the address "::"
  /// all of both protocols, 0.0.0.0 all of IPv4. Throws std::system_error
  /// (address_in_use, ...). `accept` runs inside an event
  /// on the calling core and must set the connection's handler.
  virtual std::unique_ptr<TcpListener> Listen(Endpoint local,
                                              AcceptHandler accept) = 0;
  std::unique_ptr<TcpListener> Listen(uint16_t port, AcceptHandler accept) {
    return Listen(Endpoint{{}, port}, std::move(accept));
  }

  /// Connects, from `local` if it names an address or a port. The future fails
  /// with std::system_error (connection_refused, timed_out, host_unreachable
  /// ...). The continuation that takes the connection runs in the event that saw
  /// it established, so a handler set in it misses nothing.
  virtual Future<std::unique_ptr<TcpConnection>> Connect(Endpoint remote,
                                                         Endpoint local) = 0;
  Future<std::unique_ptr<TcpConnection>> Connect(Endpoint remote) {
    return Connect(remote, {});
  }

  /// Binds `local` for UDP, as Listen does for TCP. `receive` runs inside an
  /// event on the calling core, for one datagram at a time; while it blocks, some
  /// more wait, and the rest is lost. One that throws loses its datagram only.
  virtual std::unique_ptr<UdpSocket> BindUdp(Endpoint local,
                                             DatagramHandler receive) = 0;
  std::unique_ptr<UdpSocket> BindUdp(uint16_t port, DatagramHandler receive) {
    return BindUdp(Endpoint{{}, port}, std::move(receive));
  }
};

inline constexpr EbbRef<NetworkManager> network_manager{kNetworkManagerId};

}  // namespace ebbrt
