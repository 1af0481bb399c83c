#include "native/network/address.h"

#include <cstring>
#include <system_error>

#include "lwip/netif.h"

namespace ebbrt::network {

ip_addr_t ToLwip(const IpAddress& address, const netif* link) {
  ip_addr_t result{};
  if (address.IsV4()) {
    ip_addr_copy_from_ip4(result, ToLwip(address.V4()));
    return result;
  }
#if LWIP_IPV6
  IP_SET_TYPE_VAL(result, IPADDR_TYPE_V6);
  ip6_addr_t* v6 = ip_2_ip6(&result);
  std::memcpy(v6->addr, address.bytes.data(), sizeof v6->addr);
  if (link != nullptr) ip6_addr_assign_zone(v6, IP6_UNKNOWN, link);
  return result;
#else
  (void)link;
  throw std::system_error(
      std::make_error_code(std::errc::address_family_not_supported),
      "this image was made without IPv6 (ebbrt_image: IPV4_ONLY)");
#endif
}

IpAddress FromLwip(const ip_addr_t& address) {
#if LWIP_IPV6
  if (IP_IS_V6_VAL(address)) {
    IpAddress result;
    const ip6_addr_t* v6 = ip_2_ip6(&address);
    std::memcpy(result.bytes.data(), v6->addr, sizeof v6->addr);
    result.zone = ip6_addr_zone(v6);
    return result;
  }
#endif
  return Ipv4Address{lwip_ntohl(ip_2_ip4(&address)->addr)};
}

}  // namespace ebbrt::network
