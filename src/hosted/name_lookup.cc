#include "hosted/name_lookup.h"

#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "common/resolver.h"

namespace ebbrt {
namespace {

IpAddress ToAddress(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in in;
    std::memcpy(&in, &address, sizeof in);
    return Ipv4Address{ntohl(in.sin_addr.s_addr)};
  }
  sockaddr_in6 in;
  std::memcpy(&in, &address, sizeof in);
  IpAddress result;
  std::copy(std::begin(in.sin6_addr.s6_addr), std::end(in.sin6_addr.s6_addr),
            result.bytes.begin());
  return result;
}

uint16_t PortOf(const sockaddr& address) {
  in_port_t port;
  std::memcpy(
      &port,
      reinterpret_cast<const char*>(&address) +
          (address.sa_family == AF_INET ? offsetof(sockaddr_in, sin_port)
                                        : offsetof(sockaddr_in6, sin6_port)),
      sizeof port);
  return ntohs(port);
}

int FamilyOf(uint32_t family) {
  return family == 4 ? AF_INET : family == 6 ? AF_INET6 : AF_UNSPEC;
}

int HintFlags(uint32_t flags) {
  int result = 0;
  if ((flags & kNameCanonical) != 0) result |= AI_CANONNAME;
  if ((flags & kNameConfigured) != 0) result |= AI_ADDRCONFIG;
  if ((flags & kNameMapped) != 0) result |= AI_V4MAPPED;
  if ((flags & kNameAll) != 0) result |= AI_ALL;
  return result;
}

const char* TextOrNull(capnp::Text::Reader text) {
  return text.size() == 0 ? nullptr : text.cStr();
}

}  // namespace

void hosted::LookUpName(NameRequest::Reader in, NameReply::Builder out) {
  addrinfo hints{};
  hints.ai_family = FamilyOf(in.getFamily());
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = HintFlags(in.getFlags());
  addrinfo* list = nullptr;
  int error = getaddrinfo(TextOrNull(in.getName()), TextOrNull(in.getService()),
                          &hints, &list);
  out.setError(error);
  if (error == EAI_SYSTEM) out.setSystem(errno);
  if (error != 0) return;
  std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owned(list, &freeaddrinfo);
  std::vector<IpAddress> addresses;
  for (const addrinfo* i = list; i != nullptr; i = i->ai_next) {
    if (i->ai_family != AF_INET && i->ai_family != AF_INET6) continue;
    addresses.push_back(ToAddress(*i->ai_addr));
    out.setPort(PortOf(*i->ai_addr));
  }
  if (list->ai_canonname != nullptr) out.setCanonical(list->ai_canonname);
  auto to = out.initAddresses(static_cast<unsigned>(addresses.size()));
  for (unsigned i = 0; i < addresses.size(); ++i) {
    const auto& bytes = addresses[i].bytes;
    std::copy(bytes.begin(), bytes.end(), to.init(i, bytes.size()).begin());
  }
}

void hosted::LookUpAddress(AddressRequest::Reader in,
                           AddressReply::Builder out) {
  IpAddress address;
  auto data = in.getAddress();
  if (data.size() != address.bytes.size()) return out.setError(EAI_FAMILY);
  std::copy(data.begin(), data.end(), address.bytes.begin());
  sockaddr_storage storage{};
  socklen_t size;
  if (address.IsV4()) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(in.getPort());
    v4->sin_addr.s_addr = htonl(address.V4().value);
    size = sizeof *v4;
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(in.getPort());
    std::copy(address.bytes.begin(), address.bytes.end(),
              std::begin(v6->sin6_addr.s6_addr));
    size = sizeof *v6;
  }
  int flags = 0;
  if ((in.getFlags() & kAddressRequired) != 0) flags |= NI_NAMEREQD;
  if ((in.getFlags() & kAddressDatagram) != 0) flags |= NI_DGRAM;
  if ((in.getFlags() & kAddressShort) != 0) flags |= NI_NOFQDN;
  char name[NI_MAXHOST];
  char service[NI_MAXSERV];
  int error = getnameinfo(reinterpret_cast<sockaddr*>(&storage), size, name,
                          sizeof name, service, sizeof service, flags);
  out.setError(error);
  if (error == EAI_SYSTEM) out.setSystem(errno);
  if (error != 0) return;
  out.setName(name);
  out.setService(service);
}

}  // namespace ebbrt
