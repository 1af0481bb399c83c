// Service: what the connections of one server share.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "apps/memcached/counts_by_core.h"
#include "apps/memcached/store.h"
#include "common/relaxed.h"

namespace ebbrt::memcached {

inline constexpr uint16_t kDefaultPort = 11211;

/// What Version answers: the memcached whose behaviour this server follows.
/// Clients parse it as three numbers.
inline constexpr char kVersion[] = "1.6.18-ebbrt";

/// As memcached's options of these names set them.
struct Settings {
  Relaxed<uint16_t> port = kDefaultPort;  ///< -p
  uint16_t udp_port = 0;             ///< -U; 0: none
  uint32_t max_connections = 1024;   ///< -c
  Relaxed<uint32_t> verbosity = 0;   ///< -v
  uint64_t memory_limit = 64 << 20;  ///< -m, bytes
  size_t cores = 1;                  ///< that serve
  /// A client that takes nothing of what waits for it for so long is given up.
  std::chrono::seconds patience{60};
  std::chrono::seconds report_interval{0};  ///< to the front-end; 0: none
};

/// What happened at a core's connections, named as `stats` names it.
struct ConnectionCounters {
  Relaxed<uint64_t> current = 0;
  Relaxed<uint64_t> total = 0;
  Relaxed<uint64_t> rejected = 0;
  Relaxed<uint64_t> bytes_read = 0;
  Relaxed<uint64_t> bytes_written = 0;
  Relaxed<uint64_t> meta_commands = 0;

  void Add(const ConnectionCounters& other);
  /// But for the present connections.
  void Forget(const ConnectionCounters& before);
};

class Service {
 public:
  explicit Service(Store& items, Store::Time now = Clock::now())
      : store(items), started(now) {}

  Store& store;
  Settings
      settings;  // fixed before the first connection, but for what is Relaxed
  const Store::Time started;
  CountsByCore<ConnectionCounters> counters;
};

}  // namespace ebbrt::memcached
