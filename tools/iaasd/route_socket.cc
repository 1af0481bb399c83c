#include "route_socket.h"

#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/ip.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <system_error>

namespace ebbrt::iaas {
namespace {

constexpr uint8_t kAddressGenerationNone = 1;  // IN6_ADDR_GEN_MODE_NONE

template <typename T>
std::span<const std::byte> BytesOf(const T& value) {
  return std::as_bytes(std::span(&value, 1));
}

std::span<const std::byte> BytesOf(const std::string& text) {
  // With the terminating zero, which the kernel expects of names.
  return std::as_bytes(std::span(text.c_str(), text.size() + 1));
}

// Calls `handle(type, payload)` for every attribute of a message.
template <typename Header, typename Handler>
void ForEachAttribute(const nlmsghdr& message, Handler&& handle) {
  const auto* header = static_cast<const Header*>(NLMSG_DATA(&message));
  int left = static_cast<int>(message.nlmsg_len) -
             static_cast<int>(NLMSG_SPACE(sizeof(Header)));
  const auto* attribute = reinterpret_cast<const rtattr*>(
      reinterpret_cast<const char*>(header) + NLMSG_ALIGN(sizeof(Header)));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    handle(attribute->rta_type & NLA_TYPE_MASK,
           std::span(static_cast<const std::byte*>(RTA_DATA(attribute)),
                     RTA_PAYLOAD(attribute)));
  }
}

Subnet SubnetOf(std::span<const std::byte> address, uint8_t prefix) {
  uint32_t network_order = 0;
  std::memcpy(&network_order, address.data(),
              std::min(address.size(), sizeof network_order));
  const Ipv4 mask = prefix == 0 ? 0 : ~Ipv4{0} << (32 - prefix);
  return {ntohl(network_order) & mask, prefix};
}

}  // namespace

// A message under construction: a header of the family's own kind, then
// attributes.
class RouteSocket::Request {
 public:
  template <typename Header>
  Request(uint16_t type, uint16_t flags, const Header& header) {
    nlmsghdr start{};
    start.nlmsg_type = type;
    start.nlmsg_flags = static_cast<uint16_t>(NLM_F_REQUEST | flags);
    Append(BytesOf(start));
    Append(BytesOf(header));
  }

  Request& Attribute(uint16_t type, std::span<const std::byte> payload) {
    const rtattr header{static_cast<uint16_t>(RTA_LENGTH(payload.size())),
                        type};
    Append(BytesOf(header));
    Append(payload);
    return *this;
  }

  // Attributes added by `fill` lie inside this one.
  template <typename Fill>
  Request& Nested(uint16_t type, Fill&& fill) {
    const size_t at = bytes_.size();
    Attribute(type | NLA_F_NESTED, {});
    fill(*this);
    const auto length = static_cast<uint16_t>(bytes_.size() - at);
    std::memcpy(bytes_.data() + at, &length, sizeof length);
    return *this;
  }

  void Finish(uint32_t sequence) {
    auto* header = reinterpret_cast<nlmsghdr*>(bytes_.data());
    header->nlmsg_len = static_cast<uint32_t>(bytes_.size());
    header->nlmsg_seq = sequence;
  }

  std::span<const std::byte> Bytes() const { return bytes_; }

 private:
  void Append(std::span<const std::byte> data) {
    bytes_.insert(bytes_.end(), data.begin(), data.end());
    bytes_.resize(NLMSG_ALIGN(bytes_.size()));
  }

  std::vector<std::byte> bytes_;
};

RouteSocket::RouteSocket()
    : socket_(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)) {
  if (socket_.get() < 0) {
    throw std::system_error(errno, std::generic_category(), "netlink socket");
  }
}

void RouteSocket::Send(const Request& request) {
  const auto bytes = request.Bytes();
  if (send(socket_.get(), bytes.data(), bytes.size(), 0) < 0) {
    throw std::system_error(errno, std::generic_category(), "netlink send");
  }
}

int RouteSocket::Transact(Request& request) {
  request.Finish(++sequence_);
  Send(request);
  alignas(nlmsghdr) std::array<char, 8192> buffer;
  while (true) {
    const ssize_t got = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno;
    const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
    if (message->nlmsg_seq != sequence_ || message->nlmsg_type != NLMSG_ERROR) {
      continue;
    }
    return -static_cast<const nlmsgerr*>(NLMSG_DATA(message))->error;
  }
}

void RouteSocket::TransactOrThrow(Request& request, const std::string& what) {
  if (const int error = Transact(request)) {
    throw std::system_error(error, std::generic_category(), what);
  }
}

void RouteSocket::Dump(uint16_t type, uint8_t family,
                       const std::function<void(const nlmsghdr&)>& handle) {
  rtgenmsg header{};
  header.rtgen_family = family;
  Request request(type, NLM_F_DUMP, header);
  request.Finish(++sequence_);
  Send(request);
  alignas(nlmsghdr) std::array<char, 32768> buffer;
  while (true) {
    const ssize_t got = recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      throw std::system_error(errno, std::generic_category(), "netlink dump");
    }
    auto left = static_cast<unsigned>(got);
    for (auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data());
         NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
      if (message->nlmsg_seq != sequence_) continue;
      if (message->nlmsg_type == NLMSG_DONE ||
          message->nlmsg_type == NLMSG_ERROR) {
        return;
      }
      handle(*message);
    }
  }
}

std::vector<Link> RouteSocket::Links() {
  std::vector<Link> links;
  Dump(RTM_GETLINK, AF_UNSPEC, [&](const nlmsghdr& message) {
    Link link;
    link.index = static_cast<const ifinfomsg*>(NLMSG_DATA(&message))->ifi_index;
    ForEachAttribute<ifinfomsg>(message, [&](int type, auto payload) {
      if (type == IFLA_IFNAME) {
        link.name.assign(reinterpret_cast<const char*>(payload.data()),
                         strnlen(reinterpret_cast<const char*>(payload.data()),
                                 payload.size()));
      } else if (type == IFLA_ADDRESS && payload.size() == link.mac.size()) {
        std::memcpy(link.mac.data(), payload.data(), payload.size());
      }
    });
    links.push_back(std::move(link));
  });
  return links;
}

std::optional<Link> RouteSocket::FindLink(const std::string& name) {
  for (auto& link : Links()) {
    if (link.name == name) return link;
  }
  return std::nullopt;
}

std::vector<Subnet> RouteSocket::UsedSubnets() {
  std::vector<Subnet> used;
  Dump(RTM_GETADDR, AF_INET, [&](const nlmsghdr& message) {
    const auto prefix =
        static_cast<const ifaddrmsg*>(NLMSG_DATA(&message))->ifa_prefixlen;
    ForEachAttribute<ifaddrmsg>(message, [&](int type, auto payload) {
      if (type == IFA_ADDRESS) used.push_back(SubnetOf(payload, prefix));
    });
  });
  Dump(RTM_GETROUTE, AF_INET, [&](const nlmsghdr& message) {
    const auto prefix =
        static_cast<const rtmsg*>(NLMSG_DATA(&message))->rtm_dst_len;
    ForEachAttribute<rtmsg>(message, [&](int type, auto payload) {
      if (type == RTA_DST) used.push_back(SubnetOf(payload, prefix));
    });
  });
  return used;
}

bool RouteSocket::AddBridge(const std::string& name, const MacAddress& mac) {
  Request request(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
                  ifinfomsg{});
  request.Attribute(IFLA_IFNAME, BytesOf(name));
  request.Attribute(IFLA_ADDRESS, BytesOf(mac));
  request.Nested(IFLA_LINKINFO, [](Request& info) {
    info.Attribute(IFLA_INFO_KIND, BytesOf(std::string("bridge")));
    info.Nested(IFLA_INFO_DATA, [](Request& data) {
      // The bridge would otherwise query its ports for multicast groups, and
      // wake idle guests by it.
      data.Attribute(IFLA_BR_MCAST_SNOOPING, BytesOf(uint8_t{0}));
    });
  });
  const int error = Transact(request);
  if (error == EEXIST) return false;
  if (error != 0) {
    throw std::system_error(error, std::generic_category(),
                            "can't make the bridge " + name);
  }
  return true;
}

void RouteSocket::AddAddress(int index, Ipv4 address, uint8_t prefix) {
  ifaddrmsg header{};
  header.ifa_family = AF_INET;
  header.ifa_prefixlen = prefix;
  header.ifa_index = static_cast<unsigned>(index);
  const uint32_t network_order = htonl(address);
  Request request(RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, header);
  request.Attribute(IFA_LOCAL, BytesOf(network_order));
  request.Attribute(IFA_ADDRESS, BytesOf(network_order));
  TransactOrThrow(request, "can't set the address " + ToString(address));
}

void RouteSocket::SilenceIpv6(int index) {
  ifinfomsg header{};
  header.ifi_index = index;
  Request request(RTM_NEWLINK, NLM_F_ACK, header);
  request.Nested(IFLA_AF_SPEC, [](Request& families) {
    families.Nested(AF_INET6, [](Request& inet6) {
      inet6.Attribute(IFLA_INET6_ADDR_GEN_MODE,
                      BytesOf(kAddressGenerationNone));
    });
  });
  // A kernel without IPv6 says no, and has nothing to silence.
  Transact(request);
}

void RouteSocket::Isolate(int index) {
  // Loose reverse-path checks would be content with any route back.
  constexpr uint32_t kStrict = 1;
  constexpr uint32_t kOwnAddressesOnly = 1;
  ifinfomsg header{};
  header.ifi_index = index;
  Request request(RTM_NEWLINK, NLM_F_ACK, header);
  request.Nested(IFLA_AF_SPEC, [&](Request& families) {
    families.Nested(AF_INET, [&](Request& inet) {
      inet.Nested(IFLA_INET_CONF, [&](Request& settings) {
        settings.Attribute(IPV4_DEVCONF_FORWARDING, BytesOf(uint32_t{0}));
        settings.Attribute(IPV4_DEVCONF_RP_FILTER, BytesOf(kStrict));
        settings.Attribute(IPV4_DEVCONF_ARP_IGNORE, BytesOf(kOwnAddressesOnly));
      });
    });
  });
  TransactOrThrow(request, "can't isolate a network link");
}

bool RouteSocket::Filter(int index, const Subnet& network) {
  tcmsg header{};
  header.tcm_ifindex = index;
  header.tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
  header.tcm_parent = TC_H_CLSACT;
  Request request(RTM_NEWQDISC, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, header);
  request.Attribute(TCA_KIND, BytesOf(std::string("clsact")));
  return Transact(request) == 0 &&
         AddFilter(index, TC_H_MIN_INGRESS, FromNodesFilter(network)) &&
         AddFilter(index, TC_H_MIN_EGRESS, ToNodesFilter(network));
}

bool RouteSocket::AddFilter(int index, uint32_t place,
                            const std::vector<sock_filter>& program) {
  constexpr uint32_t kPriority = 1;
  tcmsg header{};
  header.tcm_ifindex = index;
  header.tcm_parent = TC_H_MAKE(TC_H_CLSACT, place);
  header.tcm_info = TC_H_MAKE(kPriority << 16, htons(ETH_P_ALL));
  Request request(RTM_NEWTFILTER, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
                  header);
  request.Attribute(TCA_KIND, BytesOf(std::string("bpf")));
  request.Nested(TCA_OPTIONS, [&](Request& options) {
    options.Attribute(TCA_BPF_OPS_LEN,
                      BytesOf(static_cast<uint16_t>(program.size())));
    options.Attribute(TCA_BPF_OPS, std::as_bytes(std::span(program)));
    options.Attribute(TCA_BPF_FLAGS,
                      BytesOf(uint32_t{TCA_BPF_FLAG_ACT_DIRECT}));
  });
  return Transact(request) == 0;
}

void RouteSocket::AttachPort(int index, int bridge, const MacAddress& mac) {
  ifinfomsg header{};
  header.ifi_index = index;
  Request request(RTM_NEWLINK, NLM_F_ACK, header);
  request.Attribute(IFLA_ADDRESS, BytesOf(mac));
  request.Attribute(IFLA_MASTER, BytesOf(static_cast<uint32_t>(bridge)));
  TransactOrThrow(request, "can't attach a tap to its bridge");
}

void RouteSocket::SetUp(int index) {
  ifinfomsg header{};
  header.ifi_index = index;
  header.ifi_flags = IFF_UP;
  header.ifi_change = IFF_UP;
  Request request(RTM_NEWLINK, NLM_F_ACK, header);
  TransactOrThrow(request, "can't bring a network link up");
}

void RouteSocket::Delete(int index) {
  ifinfomsg header{};
  header.ifi_index = index;
  Request request(RTM_DELLINK, NLM_F_ACK, header);
  TransactOrThrow(request, "can't remove a network link");
}

kj::AutoCloseFd OpenTap(const std::string& name, TapQueues queues) {
  kj::AutoCloseFd fd(open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) {
    throw std::system_error(errno, std::generic_category(),
                            "can't open /dev/net/tun");
  }
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  if (queues == TapQueues::kSeveral) request.ifr_flags |= IFF_MULTI_QUEUE;
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  if (ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    throw std::system_error(errno, std::generic_category(),
                            "can't make the tap " + name);
  }
  return fd;
}

}  // namespace ebbrt::iaas
