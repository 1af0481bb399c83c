// NetDevice: the driver of a virtio network device, one pair of queues of it.
//
// Frames come and go without being copied. Received ones are handed to the
// client as IOBufs on the device's own buffers; sent ones are pieces of the
// client's memory, which the client keeps until OnTransmitted.
//
// Interrupts. Transmitted frames don't interrupt: what the device is done with
// is reclaimed by the next Transmit or Reclaim. Only a client that waits for
// room asks for one interrupt (WantTransmitRoom). Received frames interrupt
// once, then no more until EnableReceiveInterrupts.
//
// A device that breaks the rules (see SplitQueue) is reset and never touched
// again; the client hears of it once (OnFailed) and everything in flight is
// given back.
//
// A device may have further pairs: each is a NetDevice of its own, perhaps on
// another core, made from the first one. Which of them a received frame comes
// to is the device's choice. They share nothing but the registers; a device
// that has failed one of them has failed all, but each must be told (Fail). How
// many are used is said on the control queue (pair_control.h).
//
// All members are called on the core that made the pair, in events; so are the
// client's. VirtIO 1.2 §5.1.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "common/iobuf.h"
#include "native/virtio/buffer_pool.h"
#include "native/virtio/net_layout.h"
#include "native/virtio/split_queue.h"
#include "native/virtio/transport.h"

namespace ebbrt::virtio {

/// Whether somebody has verified a received frame's transport checksum.
enum class ReceivedChecksum : bool { kUnverified, kVerified };

class NetDevice {
 public:
  using MacAddress = std::array<uint8_t, 6>;

  class Client {
   public:
    virtual ~Client() = default;
    /// A whole Ethernet frame of at most kLargestFrame bytes.
    virtual void OnFrame(std::unique_ptr<IOBuf> frame,
                         ReceivedChecksum checksum) = 0;
    /// The device is done with the pieces of the Transmit with this token.
    virtual void OnTransmitted(void* token) = 0;
    /// Frames may have come, and room in the transmit ring. Runs as an event.
    virtual void OnInterrupt() = 0;
    /// The device has failed and `why`. Nothing follows but the OnTransmitted
    /// of what was in flight.
    virtual void OnFailed(const std::string& why) = 0;
  };

  /// What the device is to sum in a frame, and how it divides it.
  struct Offload {
    uint8_t flags = 0;  // kNeedsChecksum
    uint16_t checksum_start = 0;
    uint16_t checksum_offset = 0;
    uint8_t segmentation = 0;    // kSegment...: into segments of
    uint16_t segment_size = 0;   // so many bytes of payload,
    uint16_t header_length = 0;  // each behind the frame's headers
  };

  struct Counters {
    uint64_t received_frames = 0;
    uint64_t received_bytes = 0;
    uint64_t sent_frames = 0;
    uint64_t sent_bytes = 0;
    uint64_t notifications = 0;
    uint64_t interrupts = 0;
    uint64_t dropped = 0;  // received, but too long
  };

  static constexpr size_t kLargestFrame = 65535;
  static constexpr uint16_t kLargestRing = 1024;

  /// Negotiates `wanted` features and sets up the queues of the first pair.
  /// `pool` and `client` outlive the device. Throws std::runtime_error when the
  /// device can't be used, std::bad_alloc.
  NetDevice(std::unique_ptr<Transport> transport, uint64_t wanted,
            BufferPool& pool, Client& client)
      : NetDevice(std::move(transport), wanted, nullptr, 0, pool, client) {}
  /// Sets up pair number `pair` of the device of `first`, which has not been
  /// started and outlives this; 1 <= pair < first.PairLimit(). Throws likewise:
  /// the device goes on without this pair and those behind it.
  NetDevice(NetDevice& first, uint16_t pair, BufferPool& pool, Client& client)
      : NetDevice(nullptr, 0, &first, pair, pool, client) {}
  /// The device's end for all pairs; the first one goes last.
  [[gnu::cold]] ~NetDevice();
  NetDevice(const NetDevice&) = delete;
  NetDevice& operator=(const NetDevice&) = delete;

  /// Fills the receive ring, interrupts on; the first pair lets the device
  /// begin, the others follow.
  void Start();

  /// Stops the pair, and the device if it goes on: it has broken the rules.
  /// Also for a pair of a device that has failed another.
  [[gnu::cold]] void Fail(const std::string& why);

  /// Pairs that the device has; 1 if several or its control queue were not
  /// agreed on.
  [[gnu::cold]] uint16_t PairLimit() const;
  Transport& Bus() { return *transport_; }

  std::string Name() const { return transport_->Name(); }
  uint64_t Features() const { return features_; }
  bool Has(uint64_t feature) const { return (features_ & feature) != 0; }
  const MacAddress& Mac() const { return mac_; }
  /// The largest IP packet, 1500 at most.
  uint16_t Mtu() const { return mtu_; }
  bool Failed() const { return failed_; }
  const Counters& Count() const { return counters_; }

  // --- receive ---------------------------------------------------------------
  /// Hands up to `limit` frames to the client and fills the ring up again.
  /// Returns how many; fewer than `limit` means that the ring was dry.
  size_t Receive(size_t limit);
  bool HasReceived() const { return receive_.HasUsed(); }
  /// Fills the receive ring. False when memory gave out before it was full: the
  /// caller tries again later.
  bool Refill();
  /// False: frames came meanwhile that won't interrupt; Receive on.
  [[nodiscard]] bool EnableReceiveInterrupts() {
    return receive_.EnableInterrupts();
  }
  void DisableReceiveInterrupts() { receive_.DisableInterrupts(); }

  // --- transmit --------------------------------------------------------------
  /// Queues a frame made of `pieces`; the first one begins with
  /// sizeof(NetHeader) bytes at `header`, which are filled in here. Not seen by
  /// the device before Kick. False when the ring has no room for it. At most
  /// kMostPieces.
  bool Transmit(std::span<const Piece> pieces, NetHeader* header,
                const Offload& offload, void* token);
  static constexpr size_t kMostPieces = 20;

  /// Shows the device what was queued, with one notification at most.
  void Kick();
  /// Gives back to the client what the device is done with.
  void Reclaim();
  /// Asks for an interrupt when there is room again. False: there is now.
  [[nodiscard]] bool WantTransmitRoom();
  void DontWantTransmitRoom() { transmit_.DisableInterrupts(); }

  /// The number that the next Transmit gets, counted from 0.
  uint64_t NextSequence() const { return next_sequence_; }
  /// The device is done with every Transmit before this number.
  uint64_t OldestInFlight() const;

 private:
  static constexpr uint16_t kNone = 0xFFFF;

  /// A function, not a lambda: images hold the name of its type.
  struct Interrupt {
    void operator()() const {
      ++device->counters_.interrupts;
      device->client_.OnInterrupt();
    }
    NetDevice* device;
  };

  struct InFlight {
    void* token = nullptr;
    uint64_t sequence = 0;
    uint16_t previous = kNone;  // a list in the order of Transmit
    uint16_t next = kNone;
  };

  [[gnu::cold]] NetDevice(std::unique_ptr<Transport> own, uint64_t wanted,
                          const NetDevice* first, uint16_t pair,
                          BufferPool& pool, Client& client);
  [[gnu::cold]] void ReadDeviceConfig();
  bool ReceiveFrame();
  std::unique_ptr<IOBuf> TakeBuffer(uint16_t id, size_t offset,
                                    uint32_t written);
  void Unlink(uint16_t id);
  uint16_t TransmitIndex() const { return receive_index_ + 1; }
  [[gnu::cold]] void GiveBackAll();

  std::unique_ptr<Transport> own_transport_;  // the first pair's
  Transport* const transport_;
  BufferPool& pool_;
  Client& client_;
  const uint16_t receive_index_;
  const uint64_t features_;
  MacAddress mac_{};
  uint16_t mtu_;
  bool failed_ = false;

  SplitQueue receive_;
  SplitQueue transmit_;
  std::vector<BufferPool::Block*> receive_blocks_;  // by descriptor
  std::vector<InFlight> in_flight_;                 // by descriptor
  uint16_t oldest_ = kNone;
  uint16_t newest_ = kNone;
  uint64_t next_sequence_ = 0;
  Counters counters_;
};

}  // namespace ebbrt::virtio
