// The counts of a machine. In images that are linked with METRICS.
#include "common/node_counts.h"

#include <optional>

#include "common/protocol.h"
#include "lwip/priv/tcp_priv.h"
#include "native/network/stack.h"
#include "native/page_allocator.h"

namespace ebbrt {
namespace {

/// Of this core's stack.
uint64_t OpenConnections() {
  uint64_t count = 0;
  for (tcp_pcb* pcb = tcp_active_pcbs; pcb != nullptr; pcb = pcb->next) ++count;
  return count;
}

void CountMemory(NodeCounts::Builder counts) {
  PageStatistics pages = PageAllocator::Statistics();
  auto memory = counts.initMemory();
  memory.setTotalBytes(uint64_t{pages.total} * kPageSize);
  memory.setFreeBytes(uint64_t{pages.free} * kPageSize);
}

std::optional<NetworkTotals> CountNetwork() {
  network::Stack* stack = network::Stack::OfThisCore();
  if (stack == nullptr || stack->Link() == nullptr) return std::nullopt;
  const auto& device = stack->Link()->Device().Count();
  return NetworkTotals{.received_frames = device.received_frames,
                       .received_bytes = device.received_bytes,
                       .sent_frames = device.sent_frames,
                       .sent_bytes = device.sent_bytes,
                       .interrupts = device.interrupts,
                       .connections = OpenConnections(),
                       .buffers = stack->Link()->Buffers()};
}

[[maybe_unused]] const bool kServed = [] {
  RegisterProtocol(kNodeCountsProtocol, [](IncomingCall) {
    return CountNode({.machine = &CountMemory, .network = &CountNetwork});
  });
  return true;
}();

}  // namespace
}  // namespace ebbrt
