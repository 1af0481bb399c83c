#include "native/virtio/net_device.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "native/virtio/device_address.h"
#include "platform/clock.h"

namespace ebbrt::virtio {
namespace {

constexpr uint16_t kEthernetMtu = 1500;
/// The smallest MTU of IPv4 (RFC 791); a device that says less is not believed.
constexpr uint16_t kSmallestMtu = 68;
static_assert(sizeof(NetHeader) + 14 + kEthernetMtu <= BufferPool::kBufferSize,
              "an ordinary frame fits one buffer");

/// An address of our own making, locally administered.
NetDevice::MacAddress MakeMac() {
  auto ticks = static_cast<uint64_t>(Clock::now().time_since_epoch().count()) *
               0x9E3779B97F4A7C15u;
  NetDevice::MacAddress mac{0x02};
  std::memcpy(mac.data() + 1, &ticks, mac.size() - 1);
  return mac;
}

uint16_t RingSize(Transport& transport, uint16_t index) {
  uint16_t limit = transport.QueueLimit(index);
  if (limit == 0) {
    throw std::runtime_error(
        Concat({transport.Name(), ": the device has no queue ", index}));
  }
  return std::min(std::bit_floor(limit), NetDevice::kLargestRing);
}

EventIndex UsesEventIndex(uint64_t features) {
  return (features & feature::kEventIndex) != 0 ? EventIndex::kOn
                                                : EventIndex::kOff;
}

}  // namespace

NetDevice::NetDevice(std::unique_ptr<Transport> own, uint64_t wanted,
                     const NetDevice* first, uint16_t pair, BufferPool& pool,
                     Client& client)
    : own_transport_(std::move(own)),
      transport_(first == nullptr ? own_transport_.get() : first->transport_),
      pool_(pool),
      client_(client),
      receive_index_(pair * kQueuesOfPair),
      features_(first == nullptr ? transport_->Negotiate(wanted)
                                 : first->features_),
      mtu_(kEthernetMtu),
      receive_(RingSize(*transport_, receive_index_),
               UsesEventIndex(features_)),
      transmit_(RingSize(*transport_, TransmitIndex()),
                UsesEventIndex(features_)),
      receive_blocks_(receive_.Size()),
      in_flight_(transmit_.Size()) {
  if (first == nullptr) {
    ReadDeviceConfig();
  } else {
    mac_ = first->mac_;
    mtu_ = first->mtu_;
  }
  transmit_.DisableInterrupts();
  transport_->EnableQueue(receive_index_, receive_, Interrupt{this});
  transport_->EnableQueue(TransmitIndex(), transmit_, Interrupt{this});
}

NetDevice::~NetDevice() {
  if (failed_) return;
  failed_ = true;
  transport_->Fail();  // so that it no longer writes to our memory
  GiveBackAll();
}

void NetDevice::ReadDeviceConfig() {
  if (Has(net_feature::kMac)) {
    transport_->ReadConfig(net_config::kMacOffset,
                           std::as_writable_bytes(std::span(mac_)));
  } else {
    mac_ = MakeMac();
  }
  if (Has(net_feature::kMtu)) {
    std::array<uint16_t, 1> mtu{};
    transport_->ReadConfig(net_config::kMtuOffset,
                           std::as_writable_bytes(std::span(mtu)));
    if (mtu[0] >= kSmallestMtu) mtu_ = std::min(mtu[0], kEthernetMtu);
  }
}

uint16_t NetDevice::PairLimit() const {
  constexpr uint64_t kNeeded =
      net_feature::kMultiqueue | net_feature::kControlQueue;
  if ((features_ & kNeeded) != kNeeded) return 1;
  std::array<uint16_t, 1> pairs{};
  transport_->ReadConfig(net_config::kMaxPairsOffset,
                         std::as_writable_bytes(std::span(pairs)));
  constexpr uint16_t kMost = 0x8000;  // §5.1.4
  return std::clamp<uint16_t>(pairs[0], 1, kMost);
}

void NetDevice::Start() {
  if (own_transport_ != nullptr) transport_->MarkReady();
  Refill();
}

void NetDevice::Fail(const std::string& why) {
  if (failed_) return;
  failed_ = true;
  transport_->Fail();
  client_.OnFailed(Concat({transport_->Name(), " was stopped: ", why}));
  GiveBackAll();
}

void NetDevice::GiveBackAll() {
  for (auto& block : receive_blocks_) {
    if (block != nullptr) pool_.Put(std::exchange(block, nullptr));
  }
  while (oldest_ != kNone) {
    uint16_t id = oldest_;
    Unlink(id);
    client_.OnTransmitted(in_flight_[id].token);
  }
}

// --- receive
// -------------------------------------------------------------------

bool NetDevice::Refill() {
  if (failed_) return true;
  bool full = true;
  while (receive_.FreeDescriptors() > 0) {
    BufferPool::Block* block = pool_.Get();
    if (block == nullptr) {
      full = false;
      break;
    }
    Piece piece{DeviceAddress(BufferPool::Bytes(block)),
                BufferPool::kBufferSize};
    receive_blocks_[*receive_.AddSingle(piece, true)] = block;
  }
  // Also what was placed before memory gave out must reach the device.
  if (receive_.Publish()) {
    ++counters_.notifications;
    transport_->Notify(receive_index_);
  }
  return full;
}

size_t NetDevice::Receive(size_t limit) {
  size_t frames = 0;
  while (frames < limit && ReceiveFrame()) ++frames;
  if (receive_.Failure() != nullptr) Fail(receive_.Failure());
  return frames;
}

/// The buffer behind descriptor `id` as an IOBuf.
std::unique_ptr<IOBuf> NetDevice::TakeBuffer(uint16_t id, size_t offset,
                                             uint32_t written) {
  auto* block = std::exchange(receive_blocks_[id], nullptr);
  return BufferPool::Show(block, offset, written - offset);
}

bool NetDevice::ReceiveFrame() {
  if (failed_) return false;
  auto used = receive_.Take();
  if (!used) return false;
  if (used->written < sizeof(NetHeader)) {
    Fail("it received less than a header");
    return false;
  }
  NetHeader header;
  std::memcpy(&header, BufferPool::Bytes(receive_blocks_[used->id]),
              sizeof header);
  size_t buffers =
      Has(net_feature::kMergeableBuffers) ? header.buffer_count : 1;
  if (buffers == 0 || buffers > receive_.Size()) {
    Fail("it received a frame in an impossible number of buffers");
    return false;
  }
  auto frame = TakeBuffer(used->id, sizeof header, used->written);
  size_t length = used->written - sizeof header;
  for (size_t i = 1; i < buffers; ++i) {
    used = receive_.Take();
    if (!used) {
      Fail("it received a frame whose buffers are missing");
      return false;
    }
    frame->AppendChain(TakeBuffer(used->id, 0, used->written));
    length += used->written;
  }
  if (length > kLargestFrame) {
    ++counters_.dropped;
    return true;
  }
  ++counters_.received_frames;
  counters_.received_bytes += length;
  // NEEDS_CSUM: the sum was never made, since the frame never left the host's
  // memory (§5.1.6.4.1). Both are only meaningful when negotiated.
  bool verified = Has(net_feature::kGuestChecksum) &&
                  (header.flags & (kNeedsChecksum | kDataValid)) != 0;
  client_.OnFrame(std::move(frame), verified ? ReceivedChecksum::kVerified
                                             : ReceivedChecksum::kUnverified);
  return true;
}

// --- transmit
// ------------------------------------------------------------------

bool NetDevice::Transmit(std::span<const Piece> pieces, NetHeader* header,
                         const Offload& offload, void* token) {
  EBBRT_CHECK(pieces.size() <= kMostPieces, "a frame in too many pieces");
  if (failed_) return false;
  if (transmit_.FreeDescriptors() < pieces.size()) {
    Reclaim();
    if (failed_) return false;  // and `header` may be gone with all that waited
  }
  *header = {.flags = offload.flags,
             .segmentation = offload.segmentation,
             .header_length = offload.header_length,
             .segment_size = offload.segment_size,
             .checksum_start = offload.checksum_start,
             .checksum_offset = offload.checksum_offset};
  auto id = pieces.size() == 1 ? transmit_.AddSingle(pieces[0], false)
                               : transmit_.Add(pieces, {});
  if (!id) return false;
  in_flight_[*id] = {token, next_sequence_++, newest_, kNone};
  (newest_ == kNone ? oldest_ : in_flight_[newest_].next) = *id;
  newest_ = *id;
  ++counters_.sent_frames;
  for (const Piece& piece : pieces) counters_.sent_bytes += piece.length;
  counters_.sent_bytes -= sizeof(NetHeader);
  return true;
}

void NetDevice::Kick() {
  if (!failed_ && transmit_.Publish()) {
    ++counters_.notifications;
    transport_->Notify(TransmitIndex());
  }
}

void NetDevice::Reclaim() {
  if (failed_) return;
  while (auto used = transmit_.Take()) {
    Unlink(used->id);
    client_.OnTransmitted(in_flight_[used->id].token);
  }
  if (transmit_.Failure() != nullptr) Fail(transmit_.Failure());
}

bool NetDevice::WantTransmitRoom() {
  // Half of the ring at once: an interrupt for every frame would be the
  // completion interrupts that we don't want.
  uint16_t after = std::max<uint16_t>(transmit_.InFlight() / 2, 1);
  return transmit_.EnableInterrupts(after);
}

uint64_t NetDevice::OldestInFlight() const {
  return oldest_ == kNone ? next_sequence_ : in_flight_[oldest_].sequence;
}

void NetDevice::Unlink(uint16_t id) {
  InFlight& entry = in_flight_[id];
  (entry.previous == kNone ? oldest_ : in_flight_[entry.previous].next) =
      entry.next;
  (entry.next == kNone ? newest_ : in_flight_[entry.next].previous) =
      entry.previous;
}

}  // namespace ebbrt::virtio
