#include "native/network/transmit_frame.h"

#include <cstdint>

#include "lwip/prot/ethernet.h"
#include "lwip/prot/ip.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "native/virtio/device_address.h"

namespace ebbrt::network {
namespace {

using virtio::NetDevice;
using virtio::NetHeader;
static_assert(PBUF_LINK_ENCAPSULATION_HLEN == sizeof(NetHeader),
              "lwIP leaves room for the device's header");

// lwIP puts the headers of a segment into the first pbuf, together.
constexpr size_t kFrameStart = sizeof(NetHeader);
constexpr size_t kIpStart = kFrameStart + SIZEOF_ETH_HDR;

/// Whether the device can read the pieces where they are.
bool InPlace(const pbuf* frame) {
  size_t pieces = 0;
  for (const pbuf* p = frame; p != nullptr; p = p->next) {
    if (p->len == 0) continue;
    if (++pieces > NetDevice::kMostPieces) return false;
    if (!virtio::IsDeviceMemory(p->payload)) return false;
  }
  return true;
}

pbuf* Copy(pbuf* frame) {
  pbuf* copy = pbuf_clone(PBUF_RAW_TX, PBUF_RAM, frame);
  if (copy == nullptr) return nullptr;
  pbuf_add_header(copy, sizeof(NetHeader));
  return copy;
}

/// A packet of `size` bytes, of which `headers` are, is divided if it is larger
/// than `mtu`.
void Divide(NetDevice::Offload& offload, uint8_t segmentation, uint16_t headers,
            size_t size, uint16_t mtu) {
  if (size <= mtu) return;
  offload.segmentation = segmentation;
  offload.segment_size = mtu - headers;
  offload.header_length = SIZEOF_ETH_HDR + headers;
}

#if LWIP_IPV6
/// As PrepareTcp, of IPv6; lwIP sends TCP without extension headers.
NetDevice::Offload PrepareTcp6(pbuf* frame, uint16_t mtu) {
  if (frame->len < kIpStart + IP6_HLEN + TCP_HLEN) return {};
  auto* bytes = static_cast<uint8_t*>(frame->payload);
  const auto* ip = reinterpret_cast<ip6_hdr*>(bytes + kIpStart);
  if (IP6H_NEXTH(ip) != IP6_NEXTH_TCP) return {};
  auto* tcp = reinterpret_cast<tcp_hdr*>(bytes + kIpStart + IP6_HLEN);
  // RFC 8200 §8.1; the length is in network order already.
  tcp->chksum = PseudoSum(&ip->src, 2 * sizeof ip->src, ip->_plen);
  NetDevice::Offload offload{.flags = virtio::kNeedsChecksum,
                             .checksum_start = SIZEOF_ETH_HDR + IP6_HLEN,
                             .checksum_offset = offsetof(tcp_hdr, chksum)};
  Divide(offload, virtio::kSegmentTcp6, IP6_HLEN + TCPH_HDRLEN_BYTES(tcp),
         IP6_HLEN + lwip_ntohs(ip->_plen), mtu);
  return offload;
}
#endif

}  // namespace

pbuf* MakeSendable(pbuf* frame) {
  if (!InPlace(frame)) return Copy(frame);
  if (pbuf_add_header(frame, sizeof(NetHeader)) != 0) return Copy(frame);
  pbuf_ref(frame);
  return frame;
}

FramePieces::FramePieces(const pbuf* frame) {
  for (const pbuf* p = frame; p != nullptr; p = p->next) {
    if (p->len == 0) continue;
    pieces_[count_++] = {virtio::DeviceAddress(p->payload), p->len};
  }
}

NetDevice::Offload PrepareTcp(pbuf* frame, uint16_t mtu) {
  auto* bytes = static_cast<uint8_t*>(frame->payload);
  if (frame->len < kIpStart + IP_HLEN) return {};
  const auto* ethernet = reinterpret_cast<eth_hdr*>(bytes + kFrameStart);
  const auto* ip = reinterpret_cast<ip_hdr*>(bytes + kIpStart);
#if LWIP_IPV6
  if (ethernet->type == PP_HTONS(ETHTYPE_IPV6)) return PrepareTcp6(frame, mtu);
#endif
  bool fragment = (lwip_ntohs(IPH_OFFSET(ip)) & (IP_OFFMASK | IP_MF)) != 0;
  if (ethernet->type != PP_HTONS(ETHTYPE_IP) || IPH_PROTO(ip) != IP_PROTO_TCP ||
      fragment) {
    return {};
  }
  uint16_t ip_length = IPH_HL_BYTES(ip);
  if (frame->len < kIpStart + ip_length + TCP_HLEN) return {};
  auto* tcp = reinterpret_cast<tcp_hdr*>(bytes + kIpStart + ip_length);
  uint16_t tcp_length = lwip_ntohs(IPH_LEN(ip)) - ip_length;
  tcp->chksum = PseudoSum(&ip->src, 2 * sizeof ip->src, lwip_htons(tcp_length));
  NetDevice::Offload offload{
      .flags = virtio::kNeedsChecksum,
      .checksum_start = static_cast<uint16_t>(SIZEOF_ETH_HDR + ip_length),
      .checksum_offset = offsetof(tcp_hdr, chksum)};
  Divide(offload, virtio::kSegmentTcp4, ip_length + TCPH_HDRLEN_BYTES(tcp),
         ip_length + tcp_length, mtu);
  return offload;
}

}  // namespace ebbrt::network
