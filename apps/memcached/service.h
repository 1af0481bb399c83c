// Service: what the connections of one server share.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "apps/memcached/store.h"
#include "common/relaxed.h"
#include "common/spin_lock.h"
#include "platform/core.h"

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

/// What happened at a core's connections, named as `stats` names it. On a line
/// of its own.
struct alignas(64) ConnectionCounters {
  Relaxed<uint64_t> current = 0;
  Relaxed<uint64_t> total = 0;
  Relaxed<uint64_t> rejected = 0;
  Relaxed<uint64_t> bytes_read = 0;
  Relaxed<uint64_t> bytes_written = 0;
  Relaxed<uint64_t> meta_commands = 0;
};

class Service {
 public:
  explicit Service(Store& items, Store::Time now = Clock::now())
      : store(items), started(now), counters_(platform::CoreCount()) {}

  /// Of this core's connections, for them.
  ConnectionCounters& Counters() { return counters_[platform::CurrentCore()]; }
  /// Of all cores, since they were last forgotten.
  ConnectionCounters Totals() const;
  /// From here on all but the present connections.
  void ForgetCounters();

  Store& store;
  Settings
      settings;  // fixed before the first connection, but for what is Relaxed
  const Store::Time started;

 private:
  ConnectionCounters Sum() const;

  std::vector<ConnectionCounters> counters_;  // by core
  mutable SpinLock forgotten_lock_;
  ConnectionCounters forgotten_;
};

}  // namespace ebbrt::memcached
