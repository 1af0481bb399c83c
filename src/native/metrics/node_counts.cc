// The counts of a machine. In images that are linked with METRICS.
#include "common/node_counts.h"

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

bool CountNetwork(NetworkTotals& totals) {
  network::Stack* stack = network::Stack::OfThisCore();
  if (stack == nullptr || stack->Link() == nullptr) return false;
  const auto& frames = stack->Link()->Device().Count();
  totals.received_frames += frames.received_frames;
  totals.received_bytes += frames.received_bytes;
  totals.sent_frames += frames.sent_frames;
  totals.sent_bytes += frames.sent_bytes;
  totals.interrupts += frames.interrupts;
  totals.connections += OpenConnections();
  totals.buffers += stack->Link()->Buffers();
  return true;
}

[[maybe_unused]] const bool kServed = [] {
  RegisterProtocol(kNodeCountsProtocol, [](IncomingCall) {
    return CountNode({.machine = &CountMemory, .network = &CountNetwork});
  });
  return true;
}();

}  // namespace
}  // namespace ebbrt
