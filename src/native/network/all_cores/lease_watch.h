// LeaseWatch: what one interface was leased, for who is to have the same.
//
// lwIP tells of a new address, and is silent when a renewed lease has the same
// one with another mask or gateway. So this looks by itself from time to time,
// too, which costs as little as DHCP's own timer.
#pragma once

#include <functional>
#include <optional>

#include "common/timer.h"
#include "lwip/ip4_addr.h"
#include "lwip/netif.h"
#include "platform/clock.h"

namespace ebbrt::network {

struct Lease {
  ip4_addr_t address, mask, gateway;

  bool operator==(const Lease& other) const {
    return ip4_addr_cmp(&address, &other.address) &&
           ip4_addr_cmp(&mask, &other.mask) &&
           ip4_addr_cmp(&gateway, &other.gateway);
  }
};

/// On the interface's core, in events.
class LeaseWatch {
 public:
  /// False: it could not be told, and is told again later.
  using Tell = std::function<bool(const Lease&)>;

  /// Looks now, and then every `period`.
  LeaseWatch(netif& link, Clock::duration period, Tell tell);

  /// Tells what has not been told.
  void Look();

 private:
  void LookLater();

  netif& link_;
  const Clock::duration period_;
  const Tell tell_;
  std::optional<Lease> told_;
  Timer timer_;
};

}  // namespace ebbrt::network
