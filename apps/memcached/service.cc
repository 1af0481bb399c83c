#include "apps/memcached/service.h"

#include <mutex>

namespace ebbrt::memcached {

ConnectionCounters Service::Sum() const {
  ConnectionCounters sum;
  for (const ConnectionCounters& core : counters_) {
    sum.current += core.current;
    sum.total += core.total;
    sum.rejected += core.rejected;
    sum.bytes_read += core.bytes_read;
    sum.bytes_written += core.bytes_written;
    sum.meta_commands += core.meta_commands;
  }
  return sum;
}

ConnectionCounters Service::Totals() const {
  std::lock_guard guard(forgotten_lock_);
  ConnectionCounters sum = Sum();
  sum.total -= forgotten_.total;
  sum.rejected -= forgotten_.rejected;
  sum.bytes_read -= forgotten_.bytes_read;
  sum.bytes_written -= forgotten_.bytes_written;
  sum.meta_commands -= forgotten_.meta_commands;
  return sum;
}

void Service::ForgetCounters() {
  std::lock_guard guard(forgotten_lock_);
  forgotten_ = Sum();
}

}  // namespace ebbrt::memcached
