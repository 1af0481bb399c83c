// Names of hosts: numbers are read here, everything else is the front-end's
// (common/resolver.h). Without a front-end only numbers and "localhost" are known.

#include <arpa/inet.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <string>

#include "common/concat.h"
#include "common/resolver.h"
#include "common/runtime.h"
#include "native/libc/file_table.h"
#include "native/posix/socket.h"

namespace {

using ebbrt::Concat;
using ebbrt::Endpoint;
using ebbrt::IpAddress;
using ebbrt::Ipv4Address;
using ebbrt::ResolvedName;
using ebbrt::resolver;
using ebbrt::runtime::IsAtHome;

const IpAddress kLoopback4{Ipv4Address{0x7F000001}};
const IpAddress kLoopback6{0, 1};

std::optional<uint16_t> ToPort(std::string_view text) {
  uint16_t port = 0;
  auto [end, error] = std::from_chars(text.begin(), text.end(), port);
  if (error != std::errc() || end != text.end()) return std::nullopt;
  return port;
}

/// What can be told without asking anybody.
std::optional<ResolvedName> LookUpHere(std::string_view name,
                                       std::string_view service,
                                       const addrinfo& hints) {
  ResolvedName result;
  if (!service.empty()) {
    auto port = ToPort(service);
    if (port) {
      result.port = *port;
    } else if ((hints.ai_flags & AI_NUMERICSERV) != 0) {
      result.error = EAI_NONAME;
      return result;
    } else {
      return std::nullopt;
    }
  }
  if (name.empty()) {
    bool passive = (hints.ai_flags & AI_PASSIVE) != 0;
    if (hints.ai_family != AF_INET6) {
      result.addresses.push_back(passive ? Ipv4Address{0} : kLoopback4);
    }
    if (hints.ai_family != AF_INET) {
      result.addresses.push_back(passive ? IpAddress() : kLoopback6);
    }
    return result;
  }
  if (auto address = IpAddress::Parse(name)) {
    result.addresses.push_back(*address);
    result.canonical = name;
    return result;
  }
  if ((hints.ai_flags & AI_NUMERICHOST) != 0) {
    result.error = EAI_NONAME;
    return result;
  }
  // This node's, not the front-end's.
  if (name == "localhost") {
    if (hints.ai_family != AF_INET6) result.addresses.push_back(kLoopback4);
    if (hints.ai_family != AF_INET) result.addresses.push_back(kLoopback6);
    result.canonical = name;
    return result;
  }
  return std::nullopt;
}

ResolvedName LookUp(std::string_view name, std::string_view service,
                    const addrinfo& hints) {
  if (auto here = LookUpHere(name, service, hints)) return *here;
  if (!IsAtHome()) {
    ResolvedName unknown;
    unknown.error = EAI_AGAIN;
    return unknown;
  }
  uint32_t flags = 0;
  if ((hints.ai_flags & AI_CANONNAME) != 0) flags |= ebbrt::kNameCanonical;
  if ((hints.ai_flags & AI_ADDRCONFIG) != 0) flags |= ebbrt::kNameConfigured;
  if ((hints.ai_flags & AI_V4MAPPED) != 0) flags |= ebbrt::kNameMapped;
  if ((hints.ai_flags & AI_ALL) != 0) flags |= ebbrt::kNameAll;
  uint32_t family = hints.ai_family == AF_INET    ? 4
                    : hints.ai_family == AF_INET6 ? 6
                                                  : 0;
  return resolver->Lookup(name, service, family, flags).Get();
}

/// Address and addrinfo in one block, freed together.
struct Entry {
  addrinfo info;
  ebbrt::libc::SocketName name;
};

addrinfo* MakeEntry(const Endpoint& endpoint, int family, int type,
                    int protocol) {
  auto* entry = new Entry{};
  entry->name = ebbrt::libc::ToName(endpoint, family);
  entry->info.ai_family = family;
  entry->info.ai_socktype = type;
  entry->info.ai_protocol = protocol;
  entry->info.ai_addrlen = entry->name.size;
  entry->info.ai_addr = reinterpret_cast<sockaddr*>(&entry->name.storage);
  return &entry->info;
}

struct Kind {
  int type;
  int protocol;
};
constexpr Kind kKinds[] = {{SOCK_STREAM, IPPROTO_TCP}, {SOCK_DGRAM, IPPROTO_UDP}};

addrinfo* MakeList(const ResolvedName& found, const addrinfo& hints) {
  addrinfo* first = nullptr;
  addrinfo** last = &first;
  try {
    for (const IpAddress& address : found.addresses) {
      bool mapped = address.IsV4() && hints.ai_family == AF_INET6;
      if (mapped && (hints.ai_flags & AI_V4MAPPED) == 0) continue;
      if (!address.IsV4() && hints.ai_family == AF_INET) continue;
      int family = address.IsV4() && !mapped ? AF_INET : AF_INET6;
      for (const Kind& kind : kKinds) {
        if (hints.ai_socktype != 0 && hints.ai_socktype != kind.type) continue;
        if (hints.ai_protocol != 0 && hints.ai_protocol != kind.protocol) {
          continue;
        }
        *last = MakeEntry({address, found.port}, family, kind.type,
                          kind.protocol);
        last = &(*last)->ai_next;
      }
    }
    if (first != nullptr && (hints.ai_flags & AI_CANONNAME) != 0) {
      first->ai_canonname = strdup(found.canonical.c_str());
    }
  } catch (...) {
    freeaddrinfo(first);
    throw;
  }
  return first;
}

/// Puts `text` out; EAI_OVERFLOW if it doesn't fit. Without room nobody asks.
int Put(const std::string& text, char* out, socklen_t room) {
  if (out == nullptr || room == 0) return 0;
  if (text.size() >= room) return EAI_OVERFLOW;
  std::memcpy(out, text.c_str(), text.size() + 1);
  return 0;
}

constexpr const char* kInterfaces[] = {"lo", "eth0"};

}  // namespace

extern "C" {

int getaddrinfo(const char* name, const char* service, const addrinfo* hints,
                addrinfo** result) {
  addrinfo wanted{};
  if (hints != nullptr) wanted = *hints;
  if (name == nullptr && service == nullptr) return EAI_NONAME;
  if (wanted.ai_family != AF_UNSPEC && wanted.ai_family != AF_INET &&
      wanted.ai_family != AF_INET6) {
    return EAI_FAMILY;
  }
  if ((wanted.ai_flags & AI_CANONNAME) != 0 && name == nullptr) {
    return EAI_BADFLAGS;
  }
  try {
    auto found = LookUp(name == nullptr ? "" : name,
                        service == nullptr ? "" : service, wanted);
    if (found.error == EAI_SYSTEM) errno = found.system;
    if (found.error != 0) return found.error;
    *result = MakeList(found, wanted);
    return *result == nullptr ? EAI_NONAME : 0;
  } catch (const std::bad_alloc&) {
    return EAI_MEMORY;
  } catch (const std::exception&) {
    return EAI_AGAIN;  // the front-end doesn't answer
  }
}

void freeaddrinfo(addrinfo* list) {
  while (list != nullptr) {
    addrinfo* next = list->ai_next;
    std::free(list->ai_canonname);
    delete reinterpret_cast<Entry*>(list);
    list = next;
  }
}

int getnameinfo(const sockaddr* address, socklen_t size, char* name,
                socklen_t name_size, char* service, socklen_t service_size,
                int flags) {
  Endpoint endpoint;
  if (address == nullptr || size < sizeof(sa_family_t)) return EAI_FAMILY;
  if (ebbrt::libc::ToEndpoint(address, size, address->sa_family, endpoint) !=
      0) {
    return EAI_FAMILY;
  }
  try {
    std::string name_text = endpoint.address.ToString();
    std::string service_text = Concat({endpoint.port});
    bool ask = ((flags & NI_NUMERICHOST) == 0 && name != nullptr) ||
               ((flags & NI_NUMERICSERV) == 0 && service != nullptr);
    if (ask && IsAtHome()) {
      uint32_t asked = 0;
      if ((flags & NI_NAMEREQD) != 0) asked |= ebbrt::kAddressRequired;
      if ((flags & NI_DGRAM) != 0) asked |= ebbrt::kAddressDatagram;
      if ((flags & NI_NOFQDN) != 0) asked |= ebbrt::kAddressShort;
      auto found = resolver->LookupAddress(endpoint, asked).Get();
      if (found.error == EAI_SYSTEM) errno = found.system;
      if (found.error != 0) return found.error;
      if ((flags & NI_NUMERICHOST) == 0) name_text = found.name;
      if ((flags & NI_NUMERICSERV) == 0) service_text = found.service;
    } else if (ask && (flags & NI_NAMEREQD) != 0) {
      return EAI_NONAME;
    }
    int error = Put(name_text, name, name_size);
    return error != 0 ? error : Put(service_text, service, service_size);
  } catch (const std::bad_alloc&) {
    return EAI_MEMORY;
  } catch (const std::exception&) {
    return EAI_AGAIN;
  }
}

const char* gai_strerror(int error) {
  switch (error) {
    case 0:
      return "success";
    case EAI_BADFLAGS:
      return "bad flags for a name's lookup";
    case EAI_NONAME:
      return "unknown name or service";
    case EAI_AGAIN:
      return "the resolver doesn't answer now";
    case EAI_FAIL:
      return "the resolver has failed";
    case EAI_FAMILY:
      return "unknown address family";
    case EAI_SOCKTYPE:
      return "unknown kind of socket";
    case EAI_SERVICE:
      return "the kind of socket has no such service";
    case EAI_MEMORY:
      return "out of memory";
    case EAI_SYSTEM:
      return "system error";
    case EAI_OVERFLOW:
      return "the name doesn't fit";
    default:
      return "unknown error of a name's lookup";
  }
}

unsigned if_nametoindex(const char* name) {
  for (unsigned i = 0; i < std::size(kInterfaces); ++i) {
    if (std::strcmp(name, kInterfaces[i]) == 0) return i + 1;
  }
  errno = ENODEV;
  return 0;
}

char* if_indextoname(unsigned index, char* name) {
  if (index == 0 || index > std::size(kInterfaces)) {
    errno = ENXIO;
    return nullptr;
  }
  return std::strcpy(name, kInterfaces[index - 1]);
}

int inet_pton(int family, const char* text, void* to) {
  if (family != AF_INET && family != AF_INET6) {
    errno = EAFNOSUPPORT;
    return -1;
  }
  // One of IPv6 may stand for one of IPv4, and says so by its form.
  bool six = std::strchr(text, ':') != nullptr;
  auto address = IpAddress::Parse(text);
  if (!address || six != (family == AF_INET6) ||
      std::strchr(text, '%') != nullptr) {
    return 0;
  }
  if (family == AF_INET) {
    uint32_t value = htonl(address->V4().value);
    std::memcpy(to, &value, sizeof value);
  } else {
    std::memcpy(to, address->bytes.data(), address->bytes.size());
  }
  return 1;
}

const char* inet_ntop(int family, const void* from, char* text,
                      socklen_t size) {
  IpAddress address;
  if (family == AF_INET) {
    uint32_t value;
    std::memcpy(&value, from, sizeof value);
    address = Ipv4Address{ntohl(value)};
  } else if (family == AF_INET6) {
    std::memcpy(address.bytes.data(), from, address.bytes.size());
  } else {
    errno = EAFNOSUPPORT;
    return nullptr;
  }
  bool mapped = family == AF_INET6 && address.IsV4();
  std::string shown = Concat({mapped ? "::ffff:" : "", address.ToString()});
  if (Put(shown, text, size) == 0) return text;
  errno = ENOSPC;
  return nullptr;
}

in_addr_t inet_addr(const char* text) {
  in_addr_t address;
  return inet_pton(AF_INET, text, &address) == 1 ? address : INADDR_NONE;
}

/// Its text lasts until the next call.
char* inet_ntoa(in_addr address) {
  static char text[INET_ADDRSTRLEN];
  inet_ntop(AF_INET, &address, text, sizeof text);
  return text;
}

int gethostname(char* name, size_t size) {
  std::string text =
      Concat({"node", static_cast<unsigned>(ebbrt::runtime::ThisNode())});
  if (text.size() >= size) {
    errno = ENAMETOOLONG;
    return -1;
  }
  std::memcpy(name, text.c_str(), text.size() + 1);
  return 0;
}

int uname(utsname* names) {
  *names = {};
  std::strcpy(names->sysname, "EbbRT");
  gethostname(names->nodename, sizeof names->nodename);
  std::strcpy(names->release, "1.0");
  std::strcpy(names->version, "EbbRT");
  std::strcpy(names->machine, "x86_64");
  return 0;
}

}  // extern "C"
