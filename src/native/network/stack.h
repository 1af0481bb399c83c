// Stack: one whole network stack: lwIP, its timers, its interface, and the
// order in which their events reach the application.
//
// lwIP is entered in three ways, by a batch of frames, by a tick of its timers
// and by what the application asks; the first two end with Deliver(), which
// runs the application's callbacks. Output is gathered in every one of them and
// leaves once, when the event ends or blocks (Flush).
//
// lwIP keeps its state in variables of the core (linker script, `.percore`), so
// there is one stack a core at most. For now only core 0 makes one.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/endpoint.h"
#include "common/future.h"
#include "native/network/deliverable.h"
#include "native/network/interface.h"
#include "native/network/stack_timers.h"

namespace ebbrt::network {

/// How the stack gets its address.
struct AddressPlan {
  std::optional<Ipv4Network> network;  // by DHCP when absent
  std::optional<Ipv4Address> gateway;
};

class Stack : private Interface::Client {
 public:
  /// A lease must come within this time, or Up() fails.
  static constexpr auto kLeaseDeadline = std::chrono::seconds(15);

  /// The stack of this core; it must have been made.
  static Stack& Local();

  /// Starts lwIP and the device. Throws what Interface does.
  Stack(std::unique_ptr<virtio::Transport> transport, uint64_t wanted,
        const AddressPlan& plan);
  ~Stack() override;
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  /// Resolves when there is an address. Fails with std::system_error
  /// (timed_out) without lease in time, (no_such_device) when the device has
  /// failed.
  Future<> Up();
  Ipv4Address Address() const;
  Interface& Link() { return interface_; }

  /// `item` has news; it is delivered in this event or a later one.
  void Ready(Deliverable& item) { lists_.AddReady(item); }
  /// `item` has something to flush when this event ends or blocks.
  void Dirty(Deliverable& item) {
    lists_.AddDirty(item);
    PlanFlush();
  }
  /// As Ready, outside lwIP's callbacks: an event is made for it.
  void ReadySoon(Deliverable& item);
  /// Whether lwIP runs one of its timers: its errors then mean time-outs.
  bool InTick() const { return in_tick_; }

  /// A new connection needs lwIP's TCP timer.
  void NeedTcpTimer() { timers_.NeedTcp(); }

 private:
  void OnTraffic() override { timers_.Traffic(); }
  void OnFramesQueued() override { PlanFlush(); }
  void OnBatch() override { Deliver(); }
  void OnDeviceFailed(const std::string& why) override;

  void Tick(void (*tick)());
  void Deliver();
  void PlanFlush();
  void Flush();
  void CheckAddress();
  void SettleUp(std::error_code error);

  StackTimers timers_;
  Interface interface_;
  DeliveryLists lists_;
  bool in_tick_ = false;
  bool flush_planned_ = false;
  bool delivery_spawned_ = false;
  bool by_dhcp_;

  Timer lease_deadline_;
  std::optional<std::error_code> up_;  // settled, with what
  std::vector<Promise<>> up_waiting_;
};

}  // namespace ebbrt::network
