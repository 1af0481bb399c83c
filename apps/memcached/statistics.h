// Statistics: what `stats` and its sub-reports say, in either protocol.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "apps/memcached/service.h"

namespace ebbrt::memcached {

using Statistics = std::vector<std::pair<std::string, std::string>>;

/// The report that `section` names (empty: the general one), std::nullopt if
/// there is none. Names are memcached's; of those that describe what isn't here
/// (slabs, threads of its own kinds, its log) there are none.
std::optional<Statistics> ReadStatistics(const Service& service,
                                         std::string_view section,
                                         Store::Time now);

/// Counters begin at 0 again; what is there stays.
void ResetStatistics(Service& service);

}  // namespace ebbrt::memcached
