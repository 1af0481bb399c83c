#include "native/network/all_cores/lease_watch.h"

#include <utility>

namespace ebbrt::network {

LeaseWatch::LeaseWatch(netif& link, Clock::duration period, Tell tell)
    : link_(link), period_(period), tell_(std::move(tell)) {
  Look();
  LookLater();
}

void LeaseWatch::Look() {
  const Lease lease{*netif_ip4_addr(&link_), *netif_ip4_netmask(&link_),
                    *netif_ip4_gw(&link_)};
  if (told_ == lease) return;
  told_ = lease;
  if (!tell_(lease)) told_.reset();
}

void LeaseWatch::LookLater() {
  timer_.Start(period_, [this] {
    Look();
    LookLater();
  });
}

}  // namespace ebbrt::network
