// The part of rtnetlink(7) that makes bridges and attaches taps to them.
#pragma once

#include <kj/io.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "address_pool.h"
#include "packet_filter.h"

struct nlmsghdr;

namespace ebbrt::iaas {

struct Link {
  int index = 0;
  std::string name;
  MacAddress mac{};
};

// A netlink socket in the network namespace the process is in. Calls block for
// as long as the kernel takes; each throws std::system_error naming what it
// tried.
class RouteSocket {
 public:
  RouteSocket();

  std::vector<Link> Links();
  std::optional<Link> FindLink(const std::string& name);
  // Networks of all addresses and routes, without default routes.
  std::vector<Subnet> UsedSubnets();

  // False if a link of that name exists already.
  bool AddBridge(const std::string& name, const MacAddress& mac);
  void AddAddress(int index, Ipv4 address, uint8_t prefix);
  // Keeps the kernel from sending IPv6 chatter into the link, as far as there
  // is IPv6. Call it before the link is up.
  void SilenceIpv6(int index);
  // Keeps the host from being a router between the link and others, by the
  // link's settings: nothing that comes from it is forwarded, and it answers
  // for none of the host's other addresses. Call it before the link is up.
  void Isolate(int index);
  // Lets only the packets of `network` pass between the link and the host
  // (packet_filter.h). False if this kernel can't.
  bool Filter(int index, const Subnet& network);
  // Gives the link a hardware address and makes it a port of a bridge.
  void AttachPort(int index, int bridge, const MacAddress& mac);
  void SetUp(int index);
  void Delete(int index);

 private:
  class Request;

  void Send(const Request& request);
  // Sends and waits for the kernel's acknowledgement; returns its errno or 0.
  int Transact(Request& request);
  void TransactOrThrow(Request& request, const std::string& what);
  bool AddFilter(int index, uint32_t place,
                 const std::vector<sock_filter>& program);
  void Dump(uint16_t type, uint8_t family,
            const std::function<void(const nlmsghdr&)>& handle);

  kj::AutoCloseFd socket_;
  uint32_t sequence_ = 0;
};

// Opens one queue of the tap device `name`, making the device if it isn't
// there; it lasts as long as a queue of it is open. Offers QEMU virtio headers.
// Throws std::system_error.
enum class TapQueues { kOne, kSeveral };
kj::AutoCloseFd OpenTap(const std::string& name, TapQueues queues);

}  // namespace ebbrt::iaas
