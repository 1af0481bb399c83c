// What a front-end knows of itself and its nodes, as a page of metrics.
#pragma once

#include <string>

#include "common/future.h"

namespace ebbrt::hosted {

/// The page, in Prometheus' text format. Each node that is connected is asked
/// what it counts (common/node_counts.h); one that doesn't answer in time has
/// no samples. In an event on core 0.
Future<std::string> FrontEndMetrics();

}  // namespace ebbrt::hosted
