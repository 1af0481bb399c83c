// Stack: one whole network stack: lwIP, its timers, its loopback, the interface
// of the machine's device if it has one, and the order in which their events
// reach the application.
//
// lwIP is entered in three ways, by a batch of frames, by a tick of its timers
// and by what the application asks; the first two end with Deliver(), which
// runs the application's callbacks. Output is gathered in every one of them and
// leaves once, when the event ends or blocks (Flush).
//
// lwIP keeps its state in variables of the core (linker script, `.percore`), so
// there is one stack a core at most. Core 0 makes one, every core does in
// images that ask for it (common/listen_on_all_cores.h).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/endpoint.h"
#include "common/future.h"
#include "native/network/address.h"
#include "native/network/deliverable.h"
#include "native/network/interface.h"
#include "native/network/loopback.h"
#include "native/network/stack_timers.h"

namespace ebbrt::network {

/// How the stack gets its address.
struct AddressPlan {
  std::optional<Ipv4Network> network;  // by DHCP when absent
  std::optional<Ipv4Address> gateway;
  std::optional<IpAddress> ip6;       // besides what routers tell; a /64
  std::optional<IpAddress> gateway6;  // in place of routers that tell of it
  bool follows = false;  // without `network`: somebody else leases it
};

class Stack : private Interface::Client {
 public:
  /// A lease must come within this time, or Up() fails.
  static constexpr auto kLeaseDeadline = std::chrono::seconds(15);

  /// The stack of this core; it must have been made.
  static Stack& Local();
  /// The same, null if it has not been made.
  static Stack* OfThisCore();

  /// Starts lwIP; with `transport` null there is the loopback alone. Throws
  /// what Interface does.
  [[gnu::cold]] Stack(std::unique_ptr<virtio::Transport> transport,
                      uint64_t wanted);
  /// With a further pair of queues of another core's device.
  [[gnu::cold]] Stack(virtio::NetDevice& first, uint16_t pair);
  [[gnu::cold]] ~Stack() override;
  Stack(const Stack&) = delete;
  Stack& operator=(const Stack&) = delete;

  /// Lets the device begin. Once. Throws std::bad_alloc.
  [[gnu::cold]] void Start(const AddressPlan& plan);

  /// As NetworkManager's. The loopback needs none of this.
  [[gnu::cold]] Future<> Up();
  /// The device's, 0.0.0.0 while it has none; without device the loopback's.
  Ipv4Address Address() const;
  /// As NetworkManager's.
  [[gnu::cold]] std::vector<IpAddress> Addresses() const;
  /// network/address.h, with the device's link.
  ip_addr_t ToLwip(const IpAddress& address) const {
    return network::ToLwip(address, interface_ ? interface_->Netif() : nullptr);
  }
  /// The same to bind to: "::" is all of both protocols.
  [[gnu::cold]] ip_addr_t ToBind(const IpAddress& address) const;
#if LWIP_IPV6
  /// Null if routers tell.
  const ip6_addr_t* Gateway6() const {
    return gateway6_ ? ip_2_ip6(&*gateway6_) : nullptr;
  }
#endif
  /// Null without device.
  Interface* Link() { return interface_ ? &*interface_ : nullptr; }
  /// Drops `bytes` when no frame in flight can show them.
  void ReleaseAfterTransmit(std::unique_ptr<IOBuf> bytes) {
    if (interface_) interface_->ReleaseAfterTransmit(std::move(bytes));
  }

  /// `item` has news; it is delivered in this event or a later one.
  void Ready(Deliverable& item) { lists_.AddReady(item); }
  /// `item` has something to flush when this event ends or blocks.
  void Dirty(Deliverable& item) {
    lists_.AddDirty(item);
    PlanFlush();
  }
  /// As Ready, outside lwIP's callbacks: an event is made for it.
  [[gnu::cold]] void ReadySoon(Deliverable& item);
  /// Whether lwIP runs one of its timers: its errors then mean time-outs.
  bool InTick() const { return in_tick_; }

  /// A new connection needs lwIP's TCP timer.
  void NeedTcpTimer() { timers_.NeedTcp(); }

  /// The device has another address than before, or is up with one.
  void CheckAddress();

 private:
  void OnTraffic() override { timers_.Traffic(); }
  void OnFramesQueued() override { PlanFlush(); }
  bool OnVerifiedFrame(std::unique_ptr<IOBuf>& frame) override;
  void OnBatch() override { Deliver(); }
  [[gnu::cold]] void OnDeviceFailed(const std::string& why) override;
  err_t OnOwnPacket(netif* interface, pbuf* packet) override {
    return loopback_.Take(interface, packet);
  }

  [[gnu::cold]] Stack();
  [[gnu::cold]] void StartLwip();
  [[gnu::cold]] void StartLink(const AddressPlan& plan);
#if LWIP_IPV6
  [[gnu::cold]] void StartIpv6(const AddressPlan& plan);
  [[gnu::cold]] void CheckAddress6();
#endif
  void Tick(void (*tick)());
  void Deliver();
  void PlanFlush();
  void Flush();
  [[gnu::cold]] void SettleUp(std::error_code error);

  StackTimers timers_;
  DeliveryLists lists_;
  Loopback loopback_;
  std::optional<Interface> interface_;
  bool in_tick_ = false;
  bool flush_planned_ = false;
  bool delivery_spawned_ = false;
  bool by_dhcp_ = false;

#if LWIP_IPV6
  std::optional<ip_addr_t> gateway6_;
  s8_t static_address_ = -1;  // its place among the device's
  bool routers_count_ = false;
#endif
  Timer lease_deadline_;
  std::optional<std::error_code> up_;  // settled, with what
  std::vector<Promise<>> up_waiting_;
};

}  // namespace ebbrt::network
