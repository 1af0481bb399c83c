// Server: the ports served and the connections accepted, as an Ebb.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>

#include "apps/memcached/connection.h"
#include "apps/memcached/service.h"
#include "apps/memcached/udp_server.h"
#include "common/ebb_ref.h"
#include "common/network_manager.h"
#include "common/shared_ebb.h"
#include "common/timer.h"

namespace ebbrt::memcached {

inline constexpr EbbRef<Store> store{ApplicationEbbId(11)};

/// Used on the core that calls Listen.
class Server : public SharedEbb<Server> {
 public:
  /// Serves the store on settings.port (0: a free one) of all addresses, and on
  /// settings.udp_port if that isn't 0; gives where. Throws std::system_error,
  /// as NetworkManager::Listen does.
  Endpoint Listen(const Settings& settings);

  const Service& GetService() const { return service_; }

 private:
  void Accept(std::unique_ptr<TcpConnection> tcp);
  void TickLater();

  Service service_{*store, {}, {}};
  std::unique_ptr<TcpListener> listener_;
  std::optional<UdpServer> udp_;
  std::list<std::unique_ptr<Connection>> connections_;
  Timer tick_;
};

inline constexpr EbbRef<Server> server{ApplicationEbbId(12)};

}  // namespace ebbrt::memcached
