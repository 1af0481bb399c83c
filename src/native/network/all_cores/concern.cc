#include "native/network/all_cores/concern.h"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

#include "lwip/ip.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/prot/etharp.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/icmp6.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "lwip/prot/udp.h"
#include "lwip/udp.h"

namespace ebbrt::network {
namespace {

/// What is behind the headers that were looked at.
class Rest {
 public:
  explicit Rest(const IOBuf& frame) : bytes_(frame.Bytes()) {}

  /// The header at its front; null if it is not whole.
  template <typename Header>
  const Header* Peek(size_t size = sizeof(Header)) const {
    return bytes_.size() < size
               ? nullptr
               : reinterpret_cast<const Header*>(bytes_.data());
  }
  void Skip(size_t size) { bytes_ = bytes_.subspan(size); }

 private:
  std::span<const std::byte> bytes_;
};

bool IsBoundTo(const ip_addr_t& bound, const ip_addr_t& to) {
  return ip_addr_isany_val(bound) || ip_addr_cmp(&bound, &to);
}

bool ListensHere(const ip_addr_t& to, uint16_t port) {
  for (auto* listening = tcp_listen_pcbs.listen_pcbs; listening != nullptr;
       listening = listening->next) {
    if (listening->local_port == port && IsBoundTo(listening->local_ip, to)) {
      return true;
    }
  }
  return false;
}

Concern OfTcp(const Rest& rest, const ip_addr_t& from, const ip_addr_t& to) {
  const auto* tcp = rest.Peek<tcp_hdr>();
  if (tcp == nullptr) return Concern::kThisCore;
  uint16_t remote_port = lwip_ntohs(tcp->src);
  uint16_t port = lwip_ntohs(tcp->dest);
  for (int in_time_wait : {0, 1}) {
    if (tcp_table_find(&from, remote_port, &to, port, in_time_wait) !=
        nullptr) {
      return Concern::kThisCore;
    }
  }
  bool begins = (TCPH_FLAGS(tcp) & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
  return begins && ListensHere(to, port) ? Concern::kThisCore
                                         : Concern::kAnother;
}

Concern OfUdp(const Rest& rest) {
  const auto* udp = rest.Peek<udp_hdr>();
  if (udp == nullptr) return Concern::kThisCore;
  for (auto* bound = udp_pcbs; bound != nullptr; bound = bound->next) {
    if (bound->local_port == lwip_ntohs(udp->dest)) return Concern::kThisCore;
  }
  return Concern::kAnother;
}

/// What is behind an extension header may be TCP.
Concern OfFragment(uint8_t protocol) {
  switch (protocol) {
    case IP_PROTO_TCP:
    case IP6_NEXTH_HOPBYHOP:
    case IP6_NEXTH_ROUTING:
    case IP6_NEXTH_DESTOPTS:
      return Concern::kNobody;
    default:
      return Concern::kFirstCore;
  }
}

Concern OfIpv4(Rest rest, const netif& link) {
  const auto* ip = rest.Peek<ip_hdr>();
  if (ip == nullptr || IPH_HL_BYTES(ip) < IP_HLEN ||
      rest.Peek<ip_hdr>(IPH_HL_BYTES(ip)) == nullptr) {
    return Concern::kThisCore;  // lwIP drops it
  }
  if ((IPH_OFFSET(ip) & PP_HTONS(IP_OFFMASK | IP_MF)) != 0) {
    return OfFragment(IPH_PROTO(ip));
  }
  rest.Skip(IPH_HL_BYTES(ip));
  if (IPH_PROTO(ip) == IP_PROTO_UDP) return OfUdp(rest);
  if (IPH_PROTO(ip) != IP_PROTO_TCP ||
      ip->dest.addr != netif_ip4_addr(&link)->addr) {
    return Concern::kThisCore;
  }
  ip_addr_t from = IPADDR4_INIT(ip->src.addr);
  ip_addr_t to = IPADDR4_INIT(ip->dest.addr);
  return OfTcp(rest, from, to);
}

#if LWIP_IPV6

/// Solicitations are answered where they come, as are echoes; what lwIP needs
/// to know of a neighbour on another core it asks there itself.
Concern OfIcmp6(const Rest& rest) {
  const auto* type = rest.Peek<uint8_t>();
  if (type == nullptr) return Concern::kThisCore;
  switch (*type) {
    case ICMP6_TYPE_PTB:
    case ICMP6_TYPE_RA:
    case ICMP6_TYPE_NA:
    case ICMP6_TYPE_RD:
      return Concern::kEveryCore;
    default:
      return Concern::kThisCore;
  }
}

/// Skips the extension headers that say where the next one is (RFC 8200 §4.2),
/// the first of which is of kind `next`; gives the kind of what is behind them.
/// Nothing: the frame ends in one of them.
std::optional<uint8_t> SkipOptions(Rest& rest, uint8_t next) {
  while (next == IP6_NEXTH_HOPBYHOP || next == IP6_NEXTH_ROUTING ||
         next == IP6_NEXTH_DESTOPTS) {
    const auto* options = rest.Peek<ip6_hbh_hdr>();
    if (options == nullptr) return std::nullopt;
    const size_t size = 8 * (size_t{options->_hlen} + 1);
    if (rest.Peek<uint8_t>(size) == nullptr) return std::nullopt;
    next = options->_nexth;
    rest.Skip(size);
  }
  return next;
}

Concern OfIpv6(Rest rest, netif& link) {
  const auto* ip = rest.Peek<ip6_hdr>();
  if (ip == nullptr) return Concern::kThisCore;
  rest.Skip(IP6_HLEN);
  const auto next = SkipOptions(rest, IP6H_NEXTH(ip));
  if (!next) return Concern::kThisCore;
  switch (*next) {
    case IP6_NEXTH_UDP:
      return OfUdp(rest);
    case IP6_NEXTH_ICMP6:
      return OfIcmp6(rest);
    case IP6_NEXTH_FRAGMENT: {
      const auto* fragment = rest.Peek<ip6_frag_hdr>();
      return fragment != nullptr ? OfFragment(fragment->_nexth)
                                 : Concern::kThisCore;
    }
    case IP6_NEXTH_TCP:
      break;
    default:
      return Concern::kThisCore;
  }
  // As lwIP has them in its control blocks.
  ip_addr_t from{};
  ip_addr_t to{};
  ip_addr_copy_from_ip6_packed(from, ip->src);
  ip_addr_copy_from_ip6_packed(to, ip->dest);
  ip6_addr_assign_zone(ip_2_ip6(&from), IP6_UNICAST, &link);
  ip6_addr_assign_zone(ip_2_ip6(&to), IP6_UNKNOWN, &link);
  return OfTcp(rest, from, to);
}

#endif

}  // namespace

Concern ConcernOf(const IOBuf& frame, netif& link) {
  Rest rest(frame);
  const auto* ethernet = rest.Peek<eth_hdr>();
  if (ethernet == nullptr) return Concern::kThisCore;
  rest.Skip(SIZEOF_ETH_HDR);
  switch (ethernet->type) {
    case PP_HTONS(ETHTYPE_ARP):
      return rest.Peek<etharp_hdr>() != nullptr ? Concern::kEveryCore
                                                : Concern::kThisCore;
    case PP_HTONS(ETHTYPE_IP):
      return OfIpv4(rest, link);
#if LWIP_IPV6
    case PP_HTONS(ETHTYPE_IPV6):
      return OfIpv6(rest, link);
#endif
    default:
      return Concern::kThisCore;
  }
}

std::unique_ptr<IOBuf> CopyToLearnFrom(const IOBuf& frame) {
  auto copy = IOBuf::Copy(frame.Bytes());
  auto* ethernet = reinterpret_cast<eth_hdr*>(copy->WritableData());
  if (ethernet->type == PP_HTONS(ETHTYPE_ARP)) {
    // A request says of its sender what a reply says.
    reinterpret_cast<etharp_hdr*>(ethernet + 1)->opcode = PP_HTONS(ARP_REPLY);
  }
  return copy;
}

}  // namespace ebbrt::network
