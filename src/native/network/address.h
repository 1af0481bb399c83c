// Addresses as lwIP has them.
#pragma once

#include "common/endpoint.h"
#include "lwip/ip_addr.h"

struct netif;

namespace ebbrt::network {

/// A link-local address gets the zone of `link`, which may be null, whatever
/// its own says: a node has one link. Throws std::system_error
/// (address_family_not_supported) for IPv6 in an image without it.
ip_addr_t ToLwip(const IpAddress& address, const netif* link);
IpAddress FromLwip(const ip_addr_t& address);

inline ip4_addr_t ToLwip(Ipv4Address address) {
  return {lwip_htonl(address.value)};
}

}  // namespace ebbrt::network
