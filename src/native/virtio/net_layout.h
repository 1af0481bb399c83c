// What a virtio network device and its driver say to each other, as types.
// VirtIO 1.2 §5.1.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ebbrt::virtio {

/// §5.1.3; those that this system uses (docs/network.md says why not others).
namespace net_feature {
inline constexpr uint64_t kChecksum = uint64_t{1} << 0;
inline constexpr uint64_t kGuestChecksum = uint64_t{1} << 1;
inline constexpr uint64_t kMtu = uint64_t{1} << 3;
inline constexpr uint64_t kMac = uint64_t{1} << 5;
inline constexpr uint64_t kGuestTso4 = uint64_t{1} << 7;
inline constexpr uint64_t kGuestTso6 = uint64_t{1} << 8;
inline constexpr uint64_t kHostTso4 = uint64_t{1} << 11;
inline constexpr uint64_t kHostTso6 = uint64_t{1} << 12;
inline constexpr uint64_t kMergeableBuffers = uint64_t{1} << 15;
inline constexpr uint64_t kControlQueue = uint64_t{1} << 17;
inline constexpr uint64_t kMultiqueue = uint64_t{1} << 22;
}  // namespace net_feature

/// What stands before every frame, §5.1.6; with VERSION_1 always of this size.
struct NetHeader {
  uint8_t flags = 0;
  uint8_t segmentation = 0;
  uint16_t header_length = 0;
  uint16_t segment_size = 0;
  uint16_t checksum_start = 0;
  uint16_t checksum_offset = 0;
  uint16_t buffer_count = 0;
};
static_assert(sizeof(NetHeader) == 12);
static_assert(offsetof(NetHeader, buffer_count) == 10);

inline constexpr uint8_t kNeedsChecksum = 1;
inline constexpr uint8_t kDataValid = 2;
// NetHeader::segmentation
inline constexpr uint8_t kSegmentTcp4 = 1;
inline constexpr uint8_t kSegmentTcp6 = 4;

/// Offsets in the device's configuration, §5.1.4.
namespace net_config {
inline constexpr size_t kMacOffset = 0;
inline constexpr size_t kMacLength = 6;
inline constexpr size_t kMaxPairsOffset = 8;
inline constexpr size_t kMtuOffset = 10;
}  // namespace net_config

/// §5.1.2: each pair is a receive queue and, behind it, one to transmit; behind
/// all pairs that the device has comes the control queue.
inline constexpr uint16_t kQueuesOfPair = 2;

/// What is sent on the control queue to use several pairs, and its answer,
/// §5.1.6.5 and §5.1.6.5.5.
struct PairsCommand {
  uint8_t command_class = 4;  // VIRTIO_NET_CTRL_MQ
  uint8_t command = 0;        // VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET
  uint16_t pairs = 0;
};
static_assert(sizeof(PairsCommand) == 4);
inline constexpr uint8_t kCommandDone = 0;

}  // namespace ebbrt::virtio
