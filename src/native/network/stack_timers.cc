#include "native/network/stack_timers.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "lwip/dhcp.h"
#include "lwip/etharp.h"
#include "lwip/ip4_frag.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/dhcp.h"
#include "lwip/timeouts.h"

namespace ebbrt::network {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

static_assert(ARP_TMR_INTERVAL == 1000 && IP_TMR_INTERVAL == 1000,
              "the link's timers tick every second");
/// Longer than an unanswered request (5 s) or half a datagram (15 s) is kept.
constexpr int kQuietTicks = 20;
/// lwIP forgets a neighbour after 300 ticks.
constexpr int64_t kMostMissed = 300;
constexpr int kFinePerCoarse = DHCP_COARSE_TIMER_MSECS / DHCP_FINE_TIMER_MSECS;

void TickLink() {
  etharp_tmr();
  ip_reass_tmr();
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

void StackTimers::StartLink() {
  auto missed = (Clock::now() - link_stopped_) / seconds(1);
  for (auto left = std::min<int64_t>(missed, kMostMissed); left > 0; --left) {
    TickLink();
  }
  quiet_ticks_ = 0;
  link_.Start(seconds(1), [this] { LinkTick(); });
}

void StackTimers::LinkTick() {
  link_stopped_ = Clock::now();
  quiet_ticks_ = std::exchange(traffic_, false) ? 0 : quiet_ticks_ + 1;
  if (quiet_ticks_ < kQuietTicks) {
    link_.Start(seconds(1), [this] { LinkTick(); });
  }
  around_(&TickLink);
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
