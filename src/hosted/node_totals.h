// What became of the nodes that this front-end's allocator was asked for.
#pragma once

#include <atomic>
#include <cstdint>

namespace ebbrt::hosted {

/// Counted by the NodeAllocator; read by anybody.
struct NodeTotals {
  std::atomic<uint64_t> allocated{0};  // that came up
  std::atomic<uint64_t> failed{0};     // that did not
  std::atomic<uint64_t> ended{0};      // that came up and ended by themselves
  std::atomic<uint64_t> freed{0};      // that came up and were given back
};

inline NodeTotals node_totals;

}  // namespace ebbrt::hosted
