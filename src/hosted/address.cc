#include "hosted/address.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>

namespace ebbrt::hosted {

namespace ip = boost::asio::ip;

ip::address ToAsio(const IpAddress& address) {
  if (address.IsV4()) return ip::address_v4(address.V4().value);
  return ip::address_v6(address.bytes, address.zone);
}

IpAddress FromAsio(const ip::address& address) {
  if (address.is_v4()) return Ipv4Address{address.to_v4().to_uint()};
  IpAddress result;
  result.bytes = address.to_v6().to_bytes();
  if (result.IsLinkLocal()) {
    result.zone = static_cast<uint32_t>(address.to_v6().scope_id());
  }
  return result;
}

std::vector<IpAddress> InterfaceAddresses() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) {
    throw std::system_error(errno, std::generic_category(),
                            "listing the addresses of this machine");
  }
  std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, &freeifaddrs);
  std::vector<IpAddress> result;
  for (; list != nullptr; list = list->ifa_next) {
    const sockaddr* address = list->ifa_addr;
    if (address == nullptr || (list->ifa_flags & IFF_UP) == 0 ||
        (list->ifa_flags & IFF_LOOPBACK) != 0) {
      continue;
    }
    if (address->sa_family == AF_INET) {
      const auto& v4 = reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
      result.push_back(Ipv4Address{ntohl(v4.s_addr)});
    } else if (address->sa_family == AF_INET6) {
      const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
      IpAddress& added = result.emplace_back();
      std::memcpy(added.bytes.data(), &v6->sin6_addr, sizeof added.bytes);
      if (added.IsLinkLocal()) added.zone = v6->sin6_scope_id;
    }
  }
  return result;
}

}  // namespace ebbrt::hosted
