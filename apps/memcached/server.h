// Server: the listening port and the connections it has accepted, as an Ebb.
#pragma once

#include <cstdint>
#include <list>
#include <memory>

#include "apps/memcached/connection.h"
#include "apps/memcached/store.h"
#include "common/ebb_ref.h"
#include "common/network_manager.h"
#include "common/shared_ebb.h"

namespace ebbrt::memcached {

/// Used on the core that calls Listen.
class Server : public SharedEbb<Server> {
 public:
  /// Serves the store on `port` (0: a free one) of all addresses; gives where.
  /// Throws std::system_error, as NetworkManager::Listen does.
  Endpoint Listen(uint16_t port);

  size_t ConnectionCount() const { return connections_.size(); }

 private:
  void Accept(std::unique_ptr<TcpConnection> tcp);

  std::unique_ptr<TcpListener> listener_;
  std::list<std::unique_ptr<Connection>> connections_;
};

inline constexpr EbbRef<Store> store{ApplicationEbbId(11)};
inline constexpr EbbRef<Server> server{ApplicationEbbId(12)};

}  // namespace ebbrt::memcached
