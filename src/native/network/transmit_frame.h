// How a pbuf chain leaves: as pieces for the device, with its checksum and its
// division into segments left to the device where that was agreed.
#pragma once

#include <array>
#include <span>

#include "lwip/def.h"
#include "lwip/pbuf.h"
#include "lwip/prot/ip.h"
#include "native/virtio/net_device.h"

namespace ebbrt::network {

/// `frame` with room for the device's header in front of its bytes (already
/// part of it) and in so few pieces of ordinary memory that the device can take
/// them. Either `frame` itself with one more reference, or a copy; null without
/// memory.
pbuf* MakeSendable(pbuf* frame);

/// The pieces of a frame from MakeSendable; at most kMostPieces.
class FramePieces {
 public:
  explicit FramePieces(const pbuf* frame);
  std::span<const virtio::Piece> Get() const {
    return {pieces_.data(), count_};
  }

 private:
  std::array<virtio::Piece, virtio::NetDevice::kMostPieces> pieces_;
  size_t count_ = 0;
};

/// The sum of TCP's pseudo-header, to which the device adds (VirtIO 1.2
/// §5.1.6.2): of both addresses, `size` bytes together, and the segment's
/// length in network order (RFC 793 §3.1, RFC 8200 §8.1).
inline uint16_t PseudoSum(const void* addresses, int size, uint16_t length) {
  uint32_t sum =
      ebbrt_lwip_sum(addresses, size) + PP_HTONS(IP_PROTO_TCP) + length;
  sum = (sum & 0xFFFF) + (sum >> 16);
  return static_cast<uint16_t>(sum + (sum >> 16));
}

/// For a TCP segment from MakeSendable: puts the sum of the pseudo-header where
/// the device expects it and says where the rest is to be summed; one above the
/// `mtu` is to be divided, too (VirtIO 1.2 §5.1.6.2). Nothing for other frames:
/// lwIP has summed them itself.
virtio::NetDevice::Offload PrepareTcp(pbuf* frame, uint16_t mtu);

}  // namespace ebbrt::network
