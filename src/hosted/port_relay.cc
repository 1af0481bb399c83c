#include "hosted/port_relay.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <utility>
#include <vector>

#include "hosted/acceptor.h"
#include "hosted/address.h"
#include "hosted/core.h"

namespace ebbrt::hosted {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Error = boost::system::error_code;

/// What is read at once.
constexpr size_t kPiece = 64 << 10;
/// After one side has ended, for so long nothing need come from the other.
constexpr std::chrono::seconds kLinger{60};

/// A client's connection and the one made for it. Its handlers run in the
/// reactor: none of them blocks or calls anybody.
class RelayedConnection
    : public std::enable_shared_from_this<RelayedConnection> {
 public:
  explicit RelayedConnection(tcp::socket client)
      : client_(std::move(client)),
        server_(client_.get_executor()),
        linger_(client_.get_executor()) {}

  void Start(const Endpoint& there) {
    server_.async_connect(tcp::endpoint(ToAsio(there.address), there.port),
                          [self = shared_from_this()](const Error& error) {
                            if (error || !self->Prepare()) return self->Cut();
                            self->Watch(self->client_);
                            self->Watch(self->server_);
                            self->Wait(self->requests_);
                            self->Wait(self->answers_);
                          });
  }

 private:
  struct Direction {
    tcp::socket& from;
    tcp::socket& to;
    std::vector<char> rest;  // of what was read, not written yet
  };

  bool Prepare() {
    Error error;
    for (tcp::socket* socket : {&client_, &server_}) {
      if (!error) socket->non_blocking(true, error);
      if (!error) socket->set_option(tcp::no_delay(true), error);
    }
    return !error;
  }

  /// A reset is noticed also while nothing is to be read or written.
  void Watch(tcp::socket& socket) {
    socket.async_wait(tcp::socket::wait_error, [self = shared_from_this(),
                                                &socket](const Error& failed) {
      if (failed) return;  // closed by us
      int state = 0;
      socklen_t size = sizeof state;
      getsockopt(socket.native_handle(), SOL_SOCKET, SO_ERROR, &state, &size);
      // Else both sides have ended, of which reading tells.
      if (state != 0) self->Cut();
    });
  }

  void Wait(Direction& way) {
    way.from.async_wait(tcp::socket::wait_read,
                        [self = shared_from_this(), &way](const Error& error) {
                          if (error) return self->Cut();
                          self->Move(way);
                        });
  }

  /// Moves what there is to read, one piece at most.
  void Move(Direction& way) {
    static thread_local std::array<char, kPiece> piece;
    Error error;
    size_t size = way.from.read_some(asio::buffer(piece), error);
    if (error == asio::error::would_block) return Wait(way);
    if (error == asio::error::eof) return EndOf(way);
    if (error) return Cut();
    if (ends_ > 0) Linger();
    size_t sent = way.to.write_some(asio::buffer(piece.data(), size), error);
    if (error == asio::error::would_block) {
      error = {};
      sent = 0;
    }
    if (error) return Cut();
    if (sent == size) return Wait(way);
    way.rest.assign(piece.begin() + sent, piece.begin() + size);
    asio::async_write(
        way.to, asio::buffer(way.rest),
        [self = shared_from_this(), &way](const Error& failed, size_t) {
          if (failed) return self->Cut();
          way.rest = {};
          self->Wait(way);
        });
  }

  void EndOf(Direction& way) {
    Error ignored;
    way.to.shutdown(tcp::socket::shutdown_send, ignored);
    if (++ends_ < 2) return Linger();
    linger_.cancel();
    client_.close(ignored);
    server_.close(ignored);
  }

  void Linger() {
    linger_.expires_after(kLinger);
    linger_.async_wait([self = shared_from_this()](const Error& cancelled) {
      if (!cancelled) self->Cut();
    });
  }

  /// Resets both: one of them was.
  void Cut() {
    linger_.cancel();
    for (tcp::socket* socket : {&client_, &server_}) {
      Error ignored;
      socket->set_option(tcp::socket::linger(true, 0), ignored);
      socket->close(ignored);
    }
  }

  tcp::socket client_;
  tcp::socket server_;
  asio::steady_timer linger_;
  int ends_ = 0;
  Direction requests_{client_, server_, {}};
  Direction answers_{server_, client_, {}};
};

}  // namespace

PortRelay::PortRelay(Endpoint here, Endpoint there)
    : acceptor_(std::make_shared<Acceptor>(here, [there](tcp::socket client) {
        std::make_shared<RelayedConnection>(std::move(client))->Start(there);
      })) {
  acceptor_->Start();
}

PortRelay::~PortRelay() { acceptor_->Stop(); }

Endpoint PortRelay::Local() const { return acceptor_->Local(); }

}  // namespace ebbrt::hosted
