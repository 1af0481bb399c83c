// What the daemon counts, as a page of metrics.
//
// Whoever reaches the address reads it, whatever their user id: it tells how
// many nodes there are and what each costs the host, never whose they are, what
// they run or how they were started.
#pragma once

#include <string>

#include "node_host.h"

namespace ebbrt::iaas {

// The page. `connections` is how many clients the daemon has.
std::string DaemonMetrics(const NodeHost& host, size_t connections);

}  // namespace ebbrt::iaas
