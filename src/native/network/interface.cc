#include "native/network/interface.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "lwip/etharp.h"
#include "lwip/ethip6.h"
#include "lwip/ip.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/tcp.h"
#include "native/network/frame_buffers.h"
#include "native/network/transmit_frame.h"
#include "netif/ethernet.h"

namespace ebbrt::network {
namespace {

using virtio::NetDevice;
using virtio::ReceivedChecksum;

/// Frames per turn: enough that an interrupt and a notification are shared by
/// many, few enough that their replies don't wait long.
constexpr size_t kBatch = 32;
/// Payload of a segment that the device divides: most of what there is to gain,
/// and not much that is sent again for one lost packet.
constexpr uint16_t kLargestSegment = 32 * 1024;
/// When memory gave out before the receive ring was full.
constexpr auto kRefillRetry = std::chrono::milliseconds(10);

/// What lwIP sums by itself, given what the device does.
u16_t ChecksumFlags(const NetDevice& device, ReceivedChecksum received) {
  u16_t flags = NETIF_CHECKSUM_ENABLE_ALL;
  if (device.Has(virtio::net_feature::kChecksum)) {
    flags &= ~NETIF_CHECKSUM_GEN_TCP;
  }
  if (received == ReceivedChecksum::kVerified) {
    flags &= ~(NETIF_CHECKSUM_CHECK_TCP | NETIF_CHECKSUM_CHECK_UDP);
  }
  return flags;
}

}  // namespace

Interface::Interface(std::unique_ptr<virtio::Transport> transport,
                     uint64_t wanted, Client& client)
    : client_(client), device_(std::move(transport), wanted, pool_, *this) {}

Interface::Interface(NetDevice& first, uint16_t pair, Client& client)
    : client_(client), device_(first, pair, pool_, *this) {}

Interface::~Interface() {
  SetPolling(false);
  while (!backlog_.Empty()) pbuf_free(backlog_.Pop());
  if (netif_.state != nullptr) netif_remove(&netif_);
}

err_t Interface::Init(netif* interface) {
  auto* self = static_cast<Interface*>(interface->state);
  interface->name[0] = 'v';
  interface->name[1] = 'n';
  interface->mtu = self->device_.Mtu();
  interface->hwaddr_len = ETH_HWADDR_LEN;
  std::copy_n(self->device_.Mac().begin(), ETH_HWADDR_LEN, interface->hwaddr);
  interface->flags = NETIF_FLAG_BROADCAST | NETIF_FLAG_ETHARP |
                     NETIF_FLAG_ETHERNET | NETIF_FLAG_LINK_UP;
  interface->output = &Interface::Output;
#if LWIP_IPV6
  interface->flags |= NETIF_FLAG_MLD6;
  interface->output_ip6 = &Interface::Output6;
#endif
  interface->linkoutput = &Interface::LinkOutput;
  NETIF_SET_CHECKSUM_CTRL(
      interface, ChecksumFlags(self->device_, ReceivedChecksum::kUnverified));
  return ERR_OK;
}

void Interface::Start() {
  netif_add_noaddr(&netif_, this, &Interface::Init, &ethernet_input);
  netif_set_default(&netif_);
  device_.Start();
}

// --- receive
// -------------------------------------------------------------------

void Interface::OnFrame(std::unique_ptr<IOBuf> frame,
                        ReceivedChecksum checksum) {
  client_.OnTraffic();
  if (checksum == ReceivedChecksum::kVerified &&
      client_.OnVerifiedFrame(frame)) {
    return;
  }
  if (steering_ != nullptr && steering_->Redirect(frame, checksum)) return;
  pbuf* p = WrapInPbufs(std::move(frame));
  if (p == nullptr) return;  // TCP will send it again
  NETIF_SET_CHECKSUM_CTRL(&netif_, ChecksumFlags(device_, checksum));
  if (netif_.input(p, &netif_) != ERR_OK) pbuf_free(p);
}

void Interface::OnInterrupt() {
  // Polling, or a turn on its way, finds received frames anyway. That there is
  // room for frames that wait is told by this interrupt only.
  if (turn_spawned_ || (polling_ && backlog_.Empty())) return;
  Turn();
}

void Interface::OnIdle() {
  if (turn_spawned_) return;
  if (device_.HasReceived()) {
    // Delivery may block; an idle callback must not.
    turn_spawned_ = true;
    event_manager->SpawnLocal([this] {
      turn_spawned_ = false;
      ++counters_.polls;
      Turn();
    });
  } else if (device_.EnableReceiveInterrupts()) {
    SetPolling(false);
  }
}

void Interface::Turn() {
  device_.DisableReceiveInterrupts();
  // First, since lwIP sends nothing again that the device still holds.
  Reclaim();
  size_t frames = device_.Receive(kBatch);
  RefillOrRetry();
  // Before anything is delivered, since that may block this event: from here
  // on the next frame finds its way without us.
  bool dry = frames < kBatch && device_.EnableReceiveInterrupts();
  SetPolling(!dry && !device_.Failed());
  client_.OnBatch();
}

void Interface::SetPolling(bool polling) {
  if (polling == polling_) return;
  polling_ = polling;
  if (polling) {
    event_manager->StartIdle(*this);
  } else {
    event_manager->StopIdle(*this);
  }
}

void Interface::RefillOrRetry() {
  if (device_.Refill()) return;
  refill_retry_.Start(kRefillRetry, [this] { RefillOrRetry(); });
}

// --- transmit
// ------------------------------------------------------------------

err_t Interface::Output(netif* interface, pbuf* packet, const ip4_addr_t* to) {
  if (ip4_addr_cmp(to, netif_ip4_addr(interface))) [[unlikely]] {
    auto* self = static_cast<Interface*>(interface->state);
    return self->client_.OnOwnPacket(interface, packet);
  }
  return etharp_output(interface, packet, to);
}

#if LWIP_IPV6
err_t Interface::Output6(netif* interface, pbuf* packet, const ip6_addr_t* to) {
  if (netif_get_ip6_addr_match(interface, to) >= 0) [[unlikely]] {
    auto* self = static_cast<Interface*>(interface->state);
    return self->client_.OnOwnPacket(interface, packet);
  }
  return ethip6_output(interface, packet, to);
}
#endif

bool Interface::IsWayTo4(const tcp_pcb& pcb) const {
  return !IP_IS_V6_VAL(pcb.remote_ip) &&
         ip_2_ip4(&pcb.remote_ip)->addr != netif_ip4_addr(&netif_)->addr &&
         ip4_route_src(ip_2_ip4(&pcb.local_ip), ip_2_ip4(&pcb.remote_ip)) ==
             &netif_;
}

uint16_t Interface::LargestSegment(const tcp_pcb& pcb) const {
  namespace features = virtio::net_feature;
  auto feature = features::kHostTso4;
  uint16_t headers = IP_HLEN + TCP_HLEN;
  bool here = false;
#if LWIP_IPV6
  if (IP_IS_V6_VAL(pcb.remote_ip)) {
    feature = features::kHostTso6;
    headers = IP6_HLEN + TCP_HLEN;
    here =
        ip6_route(ip_2_ip6(&pcb.local_ip), ip_2_ip6(&pcb.remote_ip)) == &netif_;
  } else
#endif
  {
    here = IsWayTo4(pcb);
  }
  if (!here || !device_.Has(feature) || pcb.mss != device_.Mtu() - headers) {
    return 0;
  }
  return kLargestSegment / pcb.mss * pcb.mss;
}

err_t Interface::LinkOutput(netif* interface, pbuf* frame) {
  return static_cast<Interface*>(interface->state)->Send(frame);
}

err_t Interface::Send(pbuf* frame) {
  pbuf* sendable = backlog_.Size() < kBacklogLimit && !device_.Failed()
                       ? MakeSendable(frame)
                       : nullptr;
  if (sendable == nullptr) {
    ++counters_.unsendable;
    return ERR_MEM;
  }
  if (sendable != frame) ++counters_.copied;
  client_.OnTraffic();
  client_.OnFramesQueued();
  if (backlog_.Empty() && TrySend(sendable)) return ERR_OK;
  try {
    backlog_.Push(sendable);
  } catch (const std::bad_alloc&) {
    ++counters_.unsendable;
    pbuf_free(sendable);
    return ERR_MEM;  // below lwIP, which exceptions don't pass
  }
  ++counters_.queued;
  DrainBacklog();
  return ERR_OK;
}

bool Interface::Transmit(pbuf* frame, const NetDevice::Offload& offload) {
  if (!backlog_.Empty() || !GiveToDevice(frame, offload)) return false;
  pbuf_ref(frame);
  client_.OnTraffic();
  client_.OnFramesQueued();
  return true;
}

/// False: the ring is full. Otherwise the device holds `frame`.
bool Interface::TrySend(pbuf* frame) {
  return GiveToDevice(frame, SumsTcp() ? PrepareTcp(frame, device_.Mtu())
                                       : NetDevice::Offload{});
}

bool Interface::GiveToDevice(pbuf* frame, const NetDevice::Offload& offload) {
  FramePieces pieces(frame);
  return device_.Transmit(pieces.Get(),
                          static_cast<virtio::NetHeader*>(frame->payload),
                          offload, frame);
}

void Interface::DrainBacklog() {
  while (!backlog_.Empty() && !device_.Failed()) {
    if (TrySend(backlog_.Front())) {
      backlog_.Pop();
      continue;
    }
    // What waits to be shown must be, or no interrupt will ever come.
    device_.Kick();
    if (device_.WantTransmitRoom()) return;
    device_.Reclaim();
  }
  device_.DontWantTransmitRoom();
}

void Interface::Kick() { device_.Kick(); }

void Interface::Reclaim() {
  device_.Reclaim();
  if (!backlog_.Empty()) {
    DrainBacklog();
    // lwIP may have nothing to send in this event, and can't repeat what we
    // still hold: the device would never be shown what waited.
    client_.OnFramesQueued();
  }
  RunDeferred();
}

void Interface::OnTransmitted(void* token) {
  auto* frame = static_cast<pbuf*>(token);
  // As pbuf_free, of a segment that is not acknowledged yet.
  if (frame->ref > 1) {
    --frame->ref;
  } else {
    pbuf_free(frame);
  }
}

void Interface::ReleaseAfterTransmit(std::unique_ptr<IOBuf> bytes) {
  // The backlog goes out after all that has a number by now.
  uint64_t sequence = device_.NextSequence() + backlog_.Size();
  if (device_.OldestInFlight() == sequence || device_.Failed()) return;
  gathering_.sequence = sequence;
  gathering_.bytes = JoinChains(std::move(gathering_.bytes), std::move(bytes));
}

void Interface::RunDeferred() {
  uint64_t oldest = device_.Failed() ? ~uint64_t{0} : device_.OldestInFlight();
  if (waiting_.sequence <= oldest) {
    waiting_ = std::exchange(gathering_, {});
    if (waiting_.sequence <= oldest) waiting_ = {};
  }
}

void Interface::OnFailed(const std::string& why) {
  netif_set_link_down(&netif_);
  while (!backlog_.Empty()) pbuf_free(backlog_.Pop());
  client_.OnDeviceFailed(why);
  if (steering_ != nullptr) steering_->OnDeviceFailed();
}

}  // namespace ebbrt::network
