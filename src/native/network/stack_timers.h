// StackTimers: lwIP's clockwork, run only while there is something to time.
//
// lwIP's own scheduler ticks several times a second for ever; a node without
// connections and traffic should execute nothing at all. So:
//
//   TCP          every 250 ms while a connection exists or lingers in TIME-WAIT
//   neighbours,  every second until 20 s after the last frame (65 s with IPv6);
//   reassembly   the seconds that went untold are made up for at the next one
//   DHCP         every 500 ms until a lease is held, then every minute
//
// One per stack, on its core, in events.
#pragma once

#include <functional>

#include "common/timer.h"
#include "platform/clock.h"

struct netif;

namespace ebbrt::network {

class StackTimers {
 public:
  /// `around` runs each tick: it calls its argument with the stack ready for it
  /// and does afterwards what the tick has left to do.
  using Around = std::function<void(void (*tick)())>;

  explicit StackTimers(Around around) : around_(std::move(around)) {}

  /// A connection has come into being.
  void NeedTcp();
  /// A frame comes or goes.
  void Traffic() {
    traffic_ = true;
    if (!link_.Running()) [[unlikely]]
      StartLink();
  }
  /// The address of `interface` is leased: ticks from now on.
  void StartDhcp(netif* interface);

 private:
  void StartLink();
  void LinkTick();
  void DhcpTick(netif* interface);

  Around around_;
  Timer tcp_;
  Timer link_;
  Timer dhcp_;
  Clock::time_point link_ticked_ = Clock::now();
  bool traffic_ = false;
  int quiet_ticks_ = 0;
  int until_coarse_ = 0;  // fine DHCP ticks
};

}  // namespace ebbrt::network
