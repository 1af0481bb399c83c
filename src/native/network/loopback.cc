#include "native/network/loopback.h"

#include <algorithm>
#include <new>
#include <utility>

#include "common/event_manager.h"
#include "lwip/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip_hooks.h"
#include "native/network/frame_buffers.h"

namespace ebbrt::network {
namespace {

/// Packets per event, as for a device's frames.
constexpr size_t kBatch = 32;
/// The largest IP packet: nothing is fragmented on its way to ourselves.
constexpr u16_t kMtu = 65535;
constexpr u16_t kChecks = NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_UDP |
                          NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_ICMP;

err_t Output(netif* interface, pbuf* packet, const ip4_addr_t*) {
  return static_cast<Loopback*>(interface->state)->Take(interface, packet);
}

#if LWIP_IPV6
err_t Output6(netif* interface, pbuf* packet, const ip6_addr_t* to) {
  // Without a device lwIP sends everything here.
  if (netif_get_ip6_addr_match(interface, to) < 0) return ERR_RTE;
  return static_cast<Loopback*>(interface->state)->Take(interface, packet);
}
#endif

}  // namespace

Loopback::~Loopback() {
  if (netif_.state != nullptr) netif_remove(&netif_);
}

err_t Loopback::Init(netif* interface) {
  interface->name[0] = 'l';
  interface->name[1] = 'o';
  interface->mtu = kMtu;
  interface->output = &Output;
#if LWIP_IPV6
  interface->output_ip6 = &Output6;
#endif
  interface->flags = NETIF_FLAG_LINK_UP;
  NETIF_SET_CHECKSUM_CTRL(interface, NETIF_CHECKSUM_DISABLE_ALL);
  return ERR_OK;
}

void Loopback::Start() {
  ip4_addr_t address{PP_HTONL(IPADDR_LOOPBACK)};
  ip4_addr_t mask{PP_HTONL(IP_CLASSA_NET)};
  netif_add(&netif_, &address, &mask, &address, this, &Init, &ip_input);
#if LWIP_IPV6
  netif_ip6_addr_set_parts(&netif_, 0, 0, 0, 0, PP_HTONL(1));  // ::1
  netif_ip6_addr_set_state(&netif_, 0, IP6_ADDR_PREFERRED);
#endif
  netif_set_up(&netif_);
}

err_t Loopback::Take(netif* arrival, const pbuf* packet) {
  if (queue_.Size() >= kLimit) return ERR_MEM;
  try {
    auto bytes = IOBuf::Create(packet->tot_len);
    pbuf_copy_partial(packet, bytes->WritableTail(), packet->tot_len, 0);
    bytes->Append(packet->tot_len);
    queue_.Push({arrival, std::move(bytes)});
  } catch (const std::bad_alloc&) {
    return ERR_MEM;  // below lwIP, which exceptions don't pass
  }
  PlanTurn();
  return ERR_OK;
}

void Loopback::PlanTurn() {
  if (turn_spawned_) return;
  try {
    event_manager->SpawnLocal([this] { Turn(); });
    turn_spawned_ = true;
  } catch (const std::bad_alloc&) {
    // Perhaps below lwIP, which exceptions don't pass. The next packet tries
    // again, at the latest one that TCP repeats.
  }
}

void Loopback::Turn() {
  turn_spawned_ = false;
  for (size_t left = std::min(queue_.Size(), kBatch); left > 0; --left) {
    Packet packet = queue_.Pop();
    pbuf* p = WrapInPbufs(std::move(packet.bytes));
    if (p == nullptr) continue;  // lost for want of memory
    netif* arrival = packet.arrival;
    // A device's sets them anew for each of its frames.
    NETIF_SET_CHECKSUM_CTRL(arrival, arrival->chksum_flags & ~kChecks);
    if (ip_input(p, arrival) != ERR_OK) pbuf_free(p);
  }
  // Before anything is delivered, since that may block this event.
  if (!queue_.Empty()) PlanTurn();
  on_batch_();
}

}  // namespace ebbrt::network

extern "C" int ebbrt_drop_martian(pbuf* packet, netif* arrival) {
  if (packet->len < IP_HLEN) return 0;  // lwIP drops it for that
  ip4_addr_t from{static_cast<const ip_hdr*>(packet->payload)->src.addr};
  if (!ip4_addr_isloopback(&from) ||
      ip4_addr_isloopback(netif_ip4_addr(arrival))) {
    return 0;
  }
  pbuf_free(packet);
  return 1;
}
