#include "hosted/acceptor.h"

#include <chrono>
#include <system_error>
#include <utility>

#include "common/event_manager.h"
#include "hosted/address.h"
#include "hosted/core.h"
#include "hosted/tcp_stream.h"

namespace ebbrt::hosted {

using boost::asio::ip::tcp;

Acceptor::Acceptor(Endpoint at, Handler accept)
    : acceptor_(Reactor()), accept_(std::move(accept)) {
  boost::system::error_code error;
  Open(at, error);
  if (!error) return;
  std::string where = at.address == IpAddress()
                          ? "port " + std::to_string(at.port)
                          : at.ToString();
  throw std::system_error(ToErrorCode(error), "listen on " + where);
}

void Acceptor::Open(const Endpoint& at, boost::system::error_code& error) {
  tcp::endpoint endpoint(ToAsio(at.address), at.port);
  if (at.address == IpAddress()) {
    endpoint = {OpenForBoth(acceptor_, error), at.port};
  } else {
    acceptor_.open(endpoint.protocol(), error);
  }
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) {
    acceptor_.listen(boost::asio::socket_base::max_listen_connections, error);
  }
}

void Acceptor::Start() {
  acceptor_.async_accept(
      [self = shared_from_this()](const auto& error, tcp::socket socket) {
        if (!self->acceptor_.is_open()) return;
        event_manager->SpawnLocal(
            [self, error, socket = std::move(socket)]() mutable {
              self->Accepted(error, std::move(socket));
            });
      });
}

void Acceptor::Stop() {
  boost::system::error_code ignored;
  acceptor_.close(ignored);
}

Endpoint Acceptor::Local() const {
  return ToEndpoint(acceptor_.local_endpoint());
}

void Acceptor::Accepted(const boost::system::error_code& error,
                        tcp::socket socket) {
  if (!acceptor_.is_open()) return;
  if (error) {
    // Out of descriptors, or a peer that gave up: neither ends a server. The
    // pause keeps the first from spinning.
    retry_.Start(std::chrono::milliseconds(10),
                 [self = shared_from_this()] { self->Start(); });
    return;
  }
  Start();
  accept_(std::move(socket));
}

}  // namespace ebbrt::hosted
