#include "tests/system/net/counters.h"

#include <memory>
#include <string>
#include <utility>

#include "common/concat.h"
#include "common/network_manager.h"
#include "lwip/priv/tcp_priv.h"
#include "native/heap.h"
#include "native/network/stack.h"
#include "native/page_allocator.h"

namespace ebbrt {
namespace {

size_t Count(const tcp_pcb* list, bool half_open_only) {
  size_t count = 0;
  for (const tcp_pcb* pcb = list; pcb != nullptr; pcb = pcb->next) {
    if (!half_open_only || pcb->state == SYN_RCVD) ++count;
  }
  return count;
}

std::string Tell() {
  auto& link = *network::Stack::Local().Link();
  general_purpose_allocator->Drain();
  return Concat({"buffers ", link.Buffers(), " frames ",
                 link.Device().Count().received_frames, " polls ",
                 link.Count().polls, " connections ",
                 Count(tcp_active_pcbs, false) + Count(tcp_tw_pcbs, false),
                 " half_open ", Count(tcp_active_pcbs, true), " free ",
                 PageAllocator::Statistics().free * kPageSize});
}

}  // namespace

void ServeCounters(uint16_t port) {
  static std::unique_ptr<UdpSocket> socket =
      network_manager->BindUdp(port, [](Endpoint from, std::unique_ptr<IOBuf>) {
        socket->SendTo(from, IOBuf::Copy(Tell()));
      });
}

}  // namespace ebbrt
