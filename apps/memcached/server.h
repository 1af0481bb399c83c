// Server: the ports served and the connections accepted, as an Ebb.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "apps/memcached/connection.h"
#include "apps/memcached/service.h"
#include "apps/memcached/udp_server.h"
#include "common/ebb_ref.h"
#include "common/network_manager.h"
#include "common/shared_ebb.h"
#include "common/timer.h"

namespace ebbrt::memcached {

inline constexpr EbbRef<Store> store{ApplicationEbbId(11)};

/// Used on core 0; a connection is served by the core that it comes to.
class Server : public SharedEbb<Server> {
 public:
  /// Serves the store on settings.port (0: a free one) of all addresses, and on
  /// settings.udp_port if that isn't 0; gives where. Throws std::system_error,
  /// as NetworkManager::Listen does. Blocks its event.
  Endpoint Listen(const Settings& settings);

  const Service& GetService() const { return service_; }

 private:
  /// What a core serves. On that core.
  struct alignas(64) Core {
    void Tick();
    std::list<std::unique_ptr<Connection>> connections;
    Timer tick;
  };

  void Accept(std::unique_ptr<TcpConnection> tcp);
  void SweepLater();

  Service service_{*store};
  std::unique_ptr<TcpListener> listener_;
  std::optional<UdpServer> udp_;
  std::atomic<uint32_t> open_{0};  // connections, of all cores
  std::vector<Core> cores_ = std::vector<Core>(platform::CoreCount());
  Timer sweep_;
};

inline constexpr EbbRef<Server> server{ApplicationEbbId(12)};

}  // namespace ebbrt::memcached
