#include "apps/memcached/service.h"

namespace ebbrt::memcached {

void ConnectionCounters::Add(const ConnectionCounters& other) {
  current += other.current;
  total += other.total;
  rejected += other.rejected;
  bytes_read += other.bytes_read;
  bytes_written += other.bytes_written;
  meta_commands += other.meta_commands;
}

void ConnectionCounters::Forget(const ConnectionCounters& before) {
  total -= before.total;
  rejected -= before.rejected;
  bytes_read -= before.bytes_read;
  bytes_written -= before.bytes_written;
  meta_commands -= before.meta_commands;
}

}  // namespace ebbrt::memcached
