// Service: what the connections of one server share.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "apps/memcached/store.h"

namespace ebbrt::memcached {

inline constexpr uint16_t kDefaultPort = 11211;

/// What Version answers: the memcached whose behaviour this server follows.
/// Clients parse it as three numbers.
inline constexpr char kVersion[] = "1.6.18-ebbrt";

/// As memcached's options of these names set them.
struct Settings {
  uint16_t port = kDefaultPort;      ///< -p
  uint16_t udp_port = 0;             ///< -U; 0: none
  uint32_t max_connections = 1024;   ///< -c
  uint32_t verbosity = 0;            ///< -v
  uint64_t memory_limit = 64 << 20;  ///< -m, bytes
  /// A client that takes nothing of what waits for it for so long is given up.
  std::chrono::seconds patience{60};
  std::chrono::seconds report_interval{0};  ///< to the front-end; 0: none
};

/// What happened at connections, named as `stats` names it.
struct ConnectionCounters {
  uint64_t current = 0;
  uint64_t total = 0;
  uint64_t rejected = 0;
  uint64_t bytes_read = 0;
  uint64_t bytes_written = 0;
  uint64_t meta_commands = 0;
};

struct Service {
  Store& store;
  Settings settings;
  ConnectionCounters counters;
  Store::Time started = Clock::now();
};

}  // namespace ebbrt::memcached
