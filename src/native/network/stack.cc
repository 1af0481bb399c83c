#include "native/network/stack.h"

#include <new>
#include <system_error>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "lwip/dhcp.h"
#include "lwip/init.h"
#include "lwip/ip4_addr.h"
#include "native/network/fast_path.h"
#include "native/network/tcp_stream.h"
#include "native/percore.h"
#include "platform/log.h"

namespace ebbrt::network {
namespace {

EBBRT_PERCORE_ZEROED Stack* local_stack;

std::exception_ptr UpError(std::error_code error) {
  const char* what =
      error == std::errc::address_in_use
          ? "another node on this network has the address of ebbrt.ip6"
      : error == std::errc::timed_out
          ? "no DHCP server leased an address; give ebbrt.ip=A.B.C.D/LENGTH "
            "and ebbrt.gateway, or start a server"
          : "this machine has no usable virtio network device; give QEMU "
            "-device virtio-net-pci or virtio-net-device";
  return std::make_exception_ptr(std::system_error(error, what));
}

}  // namespace

Stack& Stack::Local() {
  EBBRT_CHECK(local_stack != nullptr, "this core has no network stack");
  return *local_stack;
}

Stack* Stack::OfThisCore() { return local_stack; }

Stack::Stack()
    : timers_([this](void (*tick)()) { Tick(tick); }),
      loopback_([this] { Deliver(); }) {}

Stack::Stack(std::unique_ptr<virtio::Transport> transport, uint64_t wanted)
    : Stack() {
  if (transport != nullptr) {
    Interface::Client& client = *this;
    interface_.emplace(std::move(transport), wanted, client);
  }
  StartLwip();
}

Stack::Stack(virtio::NetDevice& first, uint16_t pair) : Stack() {
  Interface::Client& client = *this;
  interface_.emplace(first, pair, client);
  StartLwip();
}

void Stack::StartLwip() {
  EBBRT_CHECK(local_stack == nullptr, "a core has one network stack");
  local_stack = this;
  lwip_init();
  loopback_.Start();
}

void Stack::Start(const AddressPlan& plan) {
  if (interface_) {
    StartLink(plan);
  } else {
    up_ = std::make_error_code(std::errc::no_such_device);
  }
}

void Stack::StartLink(const AddressPlan& plan) {
  interface_->Start();
  netif* link = interface_->Netif();
  netif_set_status_callback(link,
                            [](netif*) { Stack::Local().CheckAddress(); });
  if (plan.network) {
    ip4_addr_t address = network::ToLwip(plan.network->address);
    ip4_addr_t mask = network::ToLwip(plan.network->Mask());
    ip4_addr_t gateway = network::ToLwip(plan.gateway.value_or(Ipv4Address{}));
    netif_set_addr(link, &address, &mask, &gateway);
  }
#if LWIP_IPV6
  StartIpv6(plan);
#endif
  netif_set_up(link);
  if (plan.network || plan.follows) return;
  by_dhcp_ = true;
  lease_deadline_.Start(kLeaseDeadline, [this] {
#if LWIP_IPV6
    routers_count_ = true;
    CheckAddress6();
#endif
    SettleUp(std::make_error_code(std::errc::timed_out));
  });
  if (dhcp_start(link) != ERR_OK) throw std::bad_alloc();
  timers_.StartDhcp(link);
}

#if LWIP_IPV6

/// A link-local address, those of the networks that routers tell of (RFC 4862),
/// and the one that the node was told.
void Stack::StartIpv6(const AddressPlan& plan) {
  netif* link = interface_->Netif();
  netif_create_ip6_linklocal_address(link, 1);
  netif_set_ip6_autoconfig_enabled(link, 1);
  if (plan.gateway6) gateway6_ = ToLwip(*plan.gateway6);
  if (plan.ip6) {
    ip_addr_t address = ToLwip(*plan.ip6);
    netif_add_ip6_address(link, ip_2_ip6(&address), &static_address_);
  }
  // That nobody else has an address is found out by the link's timer.
  timers_.Traffic();
}

void Stack::CheckAddress6() {
  netif* link = interface_->Netif();
  for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; ++i) {
    bool counts =
        i == static_address_ ||
        (routers_count_ && !ip6_addr_islinklocal(netif_ip6_addr(link, i)));
    u8_t state = netif_ip6_addr_state(link, i);
    if (counts && ip6_addr_isvalid(state)) {
      SettleUp({});
    } else if (i == static_address_ && ip6_addr_isduplicated(state)) {
      SettleUp(std::make_error_code(std::errc::address_in_use));
    }
  }
}

#endif

Stack::~Stack() {
  if (by_dhcp_) dhcp_cleanup(interface_->Netif());
  if (local_stack == this) local_stack = nullptr;
}

ip_addr_t Stack::ToBind(const IpAddress& address) const {
  return address == IpAddress() ? *IP_ANY_TYPE : ToLwip(address);
}

Ipv4Address Stack::Address() const {
  if (!interface_) return {IPADDR_LOOPBACK};
  return {lwip_ntohl(netif_ip4_addr(interface_->Netif())->addr)};
}

std::vector<IpAddress> Stack::Addresses() const {
  IpAddress found[1 + LWIP_IPV6 * LWIP_IPV6_NUM_ADDRESSES];
  IpAddress* end = found;
  if (interface_) {
    if (auto v4 = Address(); v4.value != 0) *end++ = v4;
#if LWIP_IPV6
    const netif* link = interface_->Netif();
    for (s8_t i = 0; i < LWIP_IPV6_NUM_ADDRESSES; ++i) {
      if (!ip6_addr_isvalid(netif_ip6_addr_state(link, i))) continue;
      *end++ = FromLwip(*netif_ip_addr6(link, i));
    }
#endif
  }
  return {found, end};
}

Future<> Stack::Up() {
  Promise<> promise;
  auto future = promise.GetFuture();
  if (!up_) {
    up_waiting_.push_back(std::move(promise));
  } else if (*up_) {
    promise.SetException(UpError(*up_));
  } else {
    promise.SetValue();
  }
  return future;
}

void Stack::CheckAddress() {
  if (!netif_is_up(interface_->Netif())) return;
  if (Address().value != 0) SettleUp({});
#if LWIP_IPV6
  CheckAddress6();
#endif
}

/// The first word counts, but for an address that comes after the deadline.
void Stack::SettleUp(std::error_code error) {
  if (up_ && !(*up_ && !error)) return;
  up_ = error;
  lease_deadline_.Stop();
  // As an event: we may be inside lwIP.
  event_manager->SpawnLocal(
      [waiting = std::exchange(up_waiting_, {}), error]() mutable {
        for (auto& promise : waiting) {
          if (error) {
            promise.SetException(UpError(error));
          } else {
            promise.SetValue();
          }
        }
      });
}

bool Stack::OnVerifiedFrame(std::unique_ptr<IOBuf>& frame) {
  tcp_pcb* pcb = FindExpecting(*frame, *interface_->Netif());
  TcpStream* stream = pcb != nullptr ? TcpStream::Of(*pcb) : nullptr;
  if (stream == nullptr) return false;
  stream->Receive(std::move(frame));
  return true;
}

void Stack::OnDeviceFailed(const std::string& why) {
  platform::WriteConsole(Concat({"ebbrt: ", why, "\n"}));
  SettleUp(std::make_error_code(std::errc::no_such_device));
}

void Stack::Tick(void (*tick)()) {
  // lwIP does not send again what it finds still held by the device.
  if (interface_) interface_->Reclaim();
  in_tick_ = true;
  tick();
  in_tick_ = false;
  Deliver();
}

void Stack::ReadySoon(Deliverable& item) {
  lists_.AddReady(item);
  if (std::exchange(delivery_spawned_, true)) return;
  event_manager->SpawnLocal([this] {
    delivery_spawned_ = false;
    Deliver();
  });
}

void Stack::Deliver() {
  // Should a callback block, later events deliver the rest meanwhile.
  while (auto item = lists_.TakeReady()) {
    try {
      item->Deliver();
    } catch (const std::exception& error) {
      platform::WriteConsole(
          Concat({"ebbrt: a network callback threw: ", error.what(), "\n"}));
      item->DeliverFailed();
    } catch (...) {
      platform::WriteConsole(
          "ebbrt: a network callback threw something that is no "
          "std::exception\n");
      item->DeliverFailed();
    }
  }
}

void Stack::PlanFlush() {
  if (std::exchange(flush_planned_, true)) return;
  try {
    event_manager->AtEndOfEvent([this] { Flush(); });
  } catch (const std::bad_alloc&) {
    // Perhaps below lwIP, which exceptions don't pass. The next output tries
    // again, at the latest a timer's.
    flush_planned_ = false;
  }
}

void Stack::Flush() {
  while (auto item = lists_.TakeDirty()) item->Flush();
  if (interface_) interface_->Kick();
  flush_planned_ = false;
}

}  // namespace ebbrt::network

// --- what lwIP calls
// -------------------------------------------------------------

extern "C" void sys_timeouts_init() {}

#if LWIP_IPV6
extern "C" const ip6_addr_t* ebbrt_ipv6_gateway(netif*) {
  return ebbrt::network::Stack::Local().Gateway6();
}
#endif

extern "C" void tcp_timer_needed() {
  ebbrt::network::Stack::Local().NeedTcpTimer();
}
