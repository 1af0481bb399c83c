#include "apps/memcached/server.h"

#include <utility>

namespace ebbrt::memcached {

Endpoint Server::Listen(uint16_t port) {
  listener_ = network_manager->Listen(
      port,
      [this](std::unique_ptr<TcpConnection> tcp) { Accept(std::move(tcp)); });
  return {network_manager->Address(), listener_->Local().port};
}

void Server::Accept(std::unique_ptr<TcpConnection> tcp) {
  auto place = connections_.emplace(connections_.end());
  *place = std::make_unique<Connection>(
      std::move(tcp), *store, [this, place] { connections_.erase(place); });
}

}  // namespace ebbrt::memcached
