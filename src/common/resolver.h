// Resolver: the names of hosts and services, as the front-end's system knows them.
//
// A node has no resolver of its own: /etc/hosts, DNS and whatever else the
// front-end's administrator has configured count for all nodes. At ring 0 the C
// library's getaddrinfo and getnameinfo stand on this.
//
// Futures fail with NodeLost and DeadlineExceeded when the front-end doesn't answer;
// that a name is unknown is in the reply. In events on any core.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/base_ebbs.h"
#include "common/endpoint.h"
#include "common/home_ebb.h"
#include "common/resolver.capnp.h"

namespace ebbrt {

/// Values travel.
enum NameFlags : uint32_t {
  kNameCanonical = 1 << 0,    // tell the canonical name, too
  kNameConfigured = 1 << 1,   // only of protocols that the front-end has
  kNameMapped = 1 << 2,       // IPv4's in place of missing ones of IPv6
  kNameAll = 1 << 3,          // with it: IPv4's besides
};
enum AddressFlags : uint32_t {
  kAddressRequired = 1 << 0,  // an address without name is an error
  kAddressDatagram = 1 << 1,  // the service is UDP's
  kAddressShort = 1 << 2,     // no domain
};

struct ResolvedName {
  int error = 0;   // of <netdb.h>; 0: the rest is there
  int system = 0;  // errno, for EAI_SYSTEM
  std::vector<IpAddress> addresses;
  uint16_t port = 0;
  std::string canonical;
};

struct ResolvedAddress {
  int error = 0;
  int system = 0;
  std::string name;
  std::string service;
};

/// At home on the front-end.
class Resolver : public HomeEbb<Resolver> {
 public:
  static constexpr std::string_view kProtocol = "ebbrt.Resolver";
  static constexpr bool kFrontEndOnly = true;
  using HomeEbb::HomeEbb;

  /// The addresses of `name` and the port of `service`, either of which may be
  /// empty. `family` is 0 (both), 4 or 6.
  Future<ResolvedName> Lookup(std::string_view name, std::string_view service,
                              uint32_t family, uint32_t flags);
  /// The names of an address and of a port.
  Future<ResolvedAddress> LookupAddress(const Endpoint& endpoint,
                                        uint32_t flags);

  // At home.
  Future<> ServeName(NodeId from, NameRequest::Reader in,
                     NameReply::Builder out);
  Future<> ServeAddress(NodeId from, AddressRequest::Reader in,
                        AddressReply::Builder out);
  using Methods =
      MethodList<&Resolver::ServeName, &Resolver::ServeAddress>;

 private:
  /// A resolver tries several servers, several times.
  static constexpr Clock::duration kDeadline = std::chrono::minutes(1);
};

inline constexpr EbbRef<Resolver> resolver{kResolverId};

}  // namespace ebbrt
