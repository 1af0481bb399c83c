#include "native/network/stack_timers.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/ip4_frag.h"
#include "lwip/ip6_frag.h"
#include "lwip/mld6.h"
#include "lwip/nd6.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/dhcp.h"
#include "lwip/timeouts.h"

namespace ebbrt::network {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

static_assert(ARP_TMR_INTERVAL == 1000 && IP_TMR_INTERVAL == 1000,
              "the link's timers tick every second");
/// Longer than an unanswered request (5 s) or half a datagram is kept.
constexpr int kQuietTicks =
    5 + std::max<int>(IP_REASS_MAXAGE, LWIP_IPV6 ? IPV6_REASS_MAXAGE : 0);
/// Made up for after a silence: lwIP forgets a neighbour after 300.
constexpr int64_t kMostTicks = 300;
constexpr int kFinePerCoarse = DHCP_COARSE_TIMER_MSECS / DHCP_FINE_TIMER_MSECS;

void TickLink() {
  etharp_tmr();
  ip_reass_tmr();
#if LWIP_IPV6
  nd6_tmr();
  ip6_reass_tmr();
  // Reports of groups are due within a second or more: together will do.
  for (int i = 0; i < 1000 / MLD6_TMR_INTERVAL; ++i) mld6_tmr();
#endif
}

bool HasConnections() {
  return tcp_active_pcbs != nullptr || tcp_tw_pcbs != nullptr;
}

bool HoldsLease(netif* interface) {
  dhcp* client = netif_dhcp_data(interface);
  return client != nullptr && client->state == DHCP_STATE_BOUND;
}

}  // namespace

void StackTimers::NeedTcp() {
  if (tcp_.Running()) return;
  tcp_.Start(milliseconds(TCP_TMR_INTERVAL), [this] {
    around_(&tcp_tmr);
    if (HasConnections()) NeedTcp();
  });
}

/// Perhaps inside lwIP, where none of its timers may run.
void StackTimers::StartLink() {
  quiet_ticks_ = 0;
  link_.Start(seconds(1), [this] { LinkTick(); });
}

void StackTimers::LinkTick() {
  auto due = (Clock::now() - link_ticked_) / seconds(1);
  link_ticked_ = Clock::now();
  quiet_ticks_ = std::exchange(traffic_, false) ? 0 : quiet_ticks_ + 1;
  if (quiet_ticks_ < kQuietTicks) {
    link_.Start(seconds(1), [this] { LinkTick(); });
  }
  for (auto left = std::clamp<int64_t>(due, 1, kMostTicks); left > 0; --left) {
    around_(&TickLink);
  }
}

void StackTimers::StartDhcp(netif* interface) { DhcpTick(interface); }

void StackTimers::DhcpTick(netif* interface) {
  bool holds = HoldsLease(interface);
  int step = holds ? kFinePerCoarse : 1;
  dhcp_.Start(milliseconds(DHCP_FINE_TIMER_MSECS) * step,
              [this, interface, step] {
                until_coarse_ -= step;
                if (until_coarse_ <= 0) {
                  until_coarse_ = kFinePerCoarse;
                  around_(&dhcp_coarse_tmr);
                }
                around_(&dhcp_fine_tmr);
                DhcpTick(interface);
              });
  if (holds) until_coarse_ = step;
}

}  // namespace ebbrt::network
