// Interface: a network device as lwIP's netif.
//
// The way of a frame, each step a change of owner and none a copy:
//
//   in    device's buffer -> IOBuf -> pbuf -> lwIP (-> a connection's IOBuf)
//   out   lwIP's header pbuf and the application's bytes -> descriptors
//
// Ordinary TCP segments take a shorter one (fast_path.h).
//
// Sent pbufs are held until the device has used them. With the transmit ring
// full, frames wait in a queue here, in order, and the device is asked for one
// interrupt when half of the ring is done; what may wait is bounded by the
// connections' windows, and for other frames by kBacklogLimit.
//
// Receiving is by interrupt as long as each interrupt empties the ring. When a
// turn leaves frames behind, interrupts stay off and an idle callback polls
// until the ring is dry.
//
// On the stack's core, in events.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/event_manager.h"
#include "common/iobuf.h"
#include "common/ring_queue.h"
#include "lwip/netif.h"
#include "lwip/tcp.h"
#include "native/network/steering.h"
#include "native/virtio/net_device.h"

namespace ebbrt::network {

class Interface : private virtio::NetDevice::Client, private IdleCallback {
 public:
  /// What the interface asks of the stack above it.
  class Client {
   public:
    virtual ~Client() = default;
    /// A frame goes out or comes in.
    virtual void OnTraffic() = 0;
    /// Frames wait for Kick(), which is due before the event ends.
    virtual void OnFramesQueued() = 0;
    /// A frame whose transport's sum is right, before lwIP gets it. True: it
    /// was taken.
    virtual bool OnVerifiedFrame(std::unique_ptr<IOBuf>& frame) = 0;
    /// A batch of frames has gone through lwIP; what it made ready is now
    /// delivered. May block: nothing of the interface waits for it.
    virtual void OnBatch() = 0;
    /// The device has stopped for good.
    virtual void OnDeviceFailed(const std::string& why) = 0;
    /// A packet for the interface's own address, which must not reach the
    /// device. Inside lwIP.
    virtual err_t OnOwnPacket(netif* interface, pbuf* packet) = 0;
  };

  struct Counters {
    uint64_t queued = 0;      // frames that had to wait for the ring
    uint64_t copied = 0;      // frames that could not leave in place
    uint64_t unsendable = 0;  // dropped: no memory, or kBacklogLimit
    uint64_t polls = 0;       // turns of polling instead of interrupts
  };

  /// Frames that wait, TCP's aside.
  static constexpr size_t kBacklogLimit = 4096;

  /// Throws what NetDevice does. `client` outlives the interface.
  Interface(std::unique_ptr<virtio::Transport> transport, uint64_t wanted,
            Client& client);
  /// On a further pair of queues of another core's device.
  [[gnu::cold]] Interface(virtio::NetDevice& first, uint16_t pair,
                          Client& client);
  [[gnu::cold]] ~Interface() override;

  /// Asks `steering` from now on, which outlives the interface.
  void SteerBy(Steering& steering) { steering_ = &steering; }
  /// Receives a frame that another core has taken off its queue. EndBatch is
  /// due behind the last one.
  void Arrive(std::unique_ptr<IOBuf> frame, virtio::ReceivedChecksum checksum) {
    OnFrame(std::move(frame), checksum);
  }
  void EndBatch() { client_.OnBatch(); }

  /// Adds the netif to lwIP, as the default, without address, and lets the
  /// device begin.
  void Start();

  netif* Netif() { return &netif_; }
  const netif* Netif() const { return &netif_; }
  virtio::NetDevice& Device() { return device_; }
  const Counters& Count() const { return counters_; }
  /// Receive buffers in the ring and in IOBufs.
  size_t Buffers() const { return pool_.Outstanding(); }

  /// The payload of a segment that the device would divide for this connection,
  /// a multiple of its MSS; 0 if it would not: it can't, the connection doesn't
  /// go out here, or its peer wants smaller segments than the device makes.
  uint16_t LargestSegment(const tcp_pcb& pcb) const;

  /// Whether an IPv4 connection's segments go out here, to another machine.
  bool IsWayTo4(const tcp_pcb& pcb) const;
  /// Whether TCP segments may be given to Transmit: the device sums them.
  bool SumsTcp() const { return device_.Has(virtio::net_feature::kChecksum); }
  /// Sends a frame that begins with room for the device's header and is in so
  /// few pieces of ordinary memory that the device can take them (kMostPieces).
  /// True: the device holds a reference to it. False: others must go first.
  bool Transmit(pbuf* frame, const virtio::NetDevice::Offload& offload);

  /// Shows the device what was sent.
  void Kick();
  /// Takes back what the device has used, so that lwIP can send it anew, and
  /// gives the device what waited for room (OnFramesQueued tells).
  void Reclaim();
  /// Drops `bytes` as soon as no frame that shows them is in flight: lwIP
  /// forgets acknowledged data although a retransmission of it may still wait
  /// in the ring.
  void ReleaseAfterTransmit(std::unique_ptr<IOBuf> bytes);

 private:
  /// Bytes to be dropped when the device is done with all before `sequence`.
  /// Two generations are enough: one gathers while the other waits for its
  /// number to be reached, so that deferring allocates nothing.
  struct Deferred {
    uint64_t sequence = 0;
    std::unique_ptr<IOBuf> bytes;
  };

  static err_t Init(netif* interface);
  static err_t Output(netif* interface, pbuf* packet, const ip4_addr_t* to);
#if LWIP_IPV6
  static err_t Output6(netif* interface, pbuf* packet, const ip6_addr_t* to);
#endif
  static err_t LinkOutput(netif* interface, pbuf* frame);

  void OnFrame(std::unique_ptr<IOBuf> frame,
               virtio::ReceivedChecksum checksum) override;
  void OnTransmitted(void* token) override;
  void OnInterrupt() override;
  void OnFailed(const std::string& why) override;
  void OnIdle() override;

  void Turn();
  void SetPolling(bool polling);
  void RefillOrRetry();
  err_t Send(pbuf* frame);
  bool TrySend(pbuf* frame);
  bool GiveToDevice(pbuf* frame, const virtio::NetDevice::Offload& offload);
  void DrainBacklog();
  void RunDeferred();

  Client& client_;
  Steering* steering_ = nullptr;
  virtio::BufferPool pool_;
  virtio::NetDevice device_;
  netif netif_{};
  Timer refill_retry_;
  bool polling_ = false;
  bool turn_spawned_ = false;
  RingQueue<pbuf*> backlog_;
  Deferred gathering_;
  Deferred waiting_;
  Counters counters_;
};

}  // namespace ebbrt::network
