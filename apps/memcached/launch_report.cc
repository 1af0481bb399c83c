#include "apps/memcached/launch_report.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <utility>

namespace ebbrt::memcached {

void LaunchReport::Report(NodeId, LaunchOutcome::Reader in, Seen::Builder) {
  if (!served_.Valid()) throw std::runtime_error("a second launch report");
  if (in.isError()) {
    served_.SetException(
        std::make_exception_ptr(std::runtime_error(in.getError().cStr())));
  } else {
    served_.SetValue(in.getPort());
  }
}

/// One line, which the next one overwrites if a terminal shows it.
void LaunchReport::Show(NodeId, LiveStatistics::Reader in, Seen::Builder) {
  Counts now{
      .hits = in.getHits(), .misses = in.getMisses(), .sets = in.getSets()};
  Counts before = std::exchange(last_, now);
  double seconds =
      std::chrono::duration<double>(now.when - before.when).count();
  // After `stats reset` they are less than before.
  auto rate = [&](uint64_t to, uint64_t from) {
    return static_cast<double>(to - std::min(from, to)) /
           std::max(seconds, 1e-3);
  };
  double hits = rate(now.hits, before.hits);
  double gets = hits + rate(now.misses, before.misses);
  static const bool terminal = isatty(STDOUT_FILENO) != 0;
  std::printf(
      "%smemcached: %llu connections, %llu items in %.1f of %.0f MiB, "
      "%.0f gets/s (%.1f %% hits), %.0f sets/s, %llu evictions%s",
      terminal ? "\r\033[K" : "",
      static_cast<unsigned long long>(in.getConnections()),
      static_cast<unsigned long long>(in.getItems()),
      static_cast<double>(in.getBytes()) / (1 << 20),
      static_cast<double>(in.getLimit()) / (1 << 20), gets,
      gets > 0 ? 100 * hits / gets : 0.0, rate(now.sets, before.sets),
      static_cast<unsigned long long>(in.getEvictions()), terminal ? "" : "\n");
  std::fflush(stdout);
}

}  // namespace ebbrt::memcached
