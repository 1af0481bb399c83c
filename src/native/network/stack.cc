#include "native/network/stack.h"

#include <new>
#include <system_error>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "lwip/dhcp.h"
#include "lwip/init.h"
#include "lwip/ip4_addr.h"
#include "platform/log.h"

namespace ebbrt::network {
namespace {

Stack* local_stack = nullptr;

ip4_addr_t ToLwip(Ipv4Address address) { return {lwip_htonl(address.value)}; }

std::exception_ptr UpError(std::error_code error) {
  const char* what =
      error == std::errc::timed_out
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

Stack::Stack(std::unique_ptr<virtio::Transport> transport, uint64_t wanted,
             const AddressPlan& plan)
    : timers_([this](void (*tick)()) { Tick(tick); }),
      loopback_([this] { Deliver(); }) {
  EBBRT_CHECK(local_stack == nullptr, "a core has one network stack");
  if (transport != nullptr) {
    Interface::Client& client = *this;
    interface_.emplace(std::move(transport), wanted, client);
  }
  local_stack = this;
  lwip_init();
  loopback_.Start();
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
    ip4_addr_t address = ToLwip(plan.network->address);
    ip4_addr_t mask = ToLwip(plan.network->Mask());
    ip4_addr_t gateway = ToLwip(plan.gateway.value_or(Ipv4Address{}));
    netif_set_addr(link, &address, &mask, &gateway);
    netif_set_up(link);
    return;
  }
  netif_set_up(link);
  by_dhcp_ = true;
  lease_deadline_.Start(kLeaseDeadline, [this] {
    SettleUp(std::make_error_code(std::errc::timed_out));
  });
  if (dhcp_start(link) != ERR_OK) throw std::bad_alloc();
  timers_.StartDhcp(link);
}

Stack::~Stack() {
  if (by_dhcp_) dhcp_cleanup(interface_->Netif());
  local_stack = nullptr;
}

Ipv4Address Stack::Address() const {
  if (!interface_) return {IPADDR_LOOPBACK};
  return {lwip_ntohl(netif_ip4_addr(interface_->Netif())->addr)};
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
  if (Address().value != 0 && netif_is_up(interface_->Netif())) SettleUp({});
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

extern "C" void tcp_timer_needed() {
  ebbrt::network::Stack::Local().NeedTcpTimer();
}
