// Whose a frame is: with a listener, a bound port and nothing else on this
// core.
#include "native/network/all_cores/concern.h"

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>

#include "common/network_manager.h"
#include "lwip/ip.h"
#include "lwip/prot/etharp.h"
#include "lwip/prot/ethernet.h"
#include "lwip/prot/icmp6.h"
#include "lwip/prot/ip4.h"
#include "lwip/prot/ip6.h"
#include "lwip/prot/tcp.h"
#include "lwip/prot/udp.h"
#include "tests/unit/native/fake_interface.h"

namespace ebbrt::network {
namespace {

constexpr uint32_t kOurs = PP_HTONL(LWIP_MAKEU32(10, 98, 0, 1));
constexpr uint32_t kPeers = PP_HTONL(LWIP_MAKEU32(10, 98, 0, 2));
constexpr uint16_t kListened = 1111;
constexpr uint16_t kBound = 2222;
constexpr uint16_t kNobodys = 3333;

template <typename Header>
std::string Bytes(const Header& header) {
  return {reinterpret_cast<const char*>(&header), sizeof header};
}

std::string Ethernet(uint16_t type) {
  eth_hdr header{};
  header.type = lwip_htons(type);
  return Bytes(header);
}

std::string Ipv4(uint8_t protocol, uint32_t to = kOurs, uint16_t offset = 0) {
  ip_hdr header{};
  header._v_hl = 0x45;
  header._proto = protocol;
  header._offset = lwip_htons(offset);
  header.src.addr = kPeers;
  header.dest.addr = to;
  return Ethernet(ETHTYPE_IP) + Bytes(header);
}

std::string Ipv6(uint8_t next) {
  ip6_hdr header{};
  IP6H_VTCFL_SET(&header, 6, 0, 0);
  header._nexth = next;
  return Ethernet(ETHTYPE_IPV6) + Bytes(header);
}

std::string Tcp(uint16_t port, uint8_t flags) {
  tcp_hdr header{};
  header.src = PP_HTONS(40000);
  header.dest = lwip_htons(port);
  TCPH_HDRLEN_FLAGS_SET(&header, 5, flags);
  return Bytes(header);
}

std::string Udp(uint16_t port) {
  udp_hdr header{};
  header.dest = lwip_htons(port);
  return Bytes(header);
}

class ConcernTest : public FakeInterfaceTest {
 protected:
  ConcernTest()
      : FakeInterfaceTest(16),
        listener_(network_manager->Listen(kListened, [](auto) {})),
        socket_(network_manager->BindUdp(kBound, [](Endpoint, auto) {})) {
    ip4_addr_t address{kOurs};
    ip4_addr_t mask{PP_HTONL(LWIP_MAKEU32(255, 255, 255, 0))};
    ip4_addr_t none{0};
    netif_set_addr(interface_->Netif(), &address, &mask, &none);
  }

  Concern Of(const std::string& bytes) {
    return ConcernOf(*IOBuf::Copy(bytes), *interface_->Netif());
  }

  std::unique_ptr<TcpListener> listener_;
  std::unique_ptr<UdpSocket> socket_;
};

TEST_F(ConcernTest, AConnectionBeginsWhereItsPortIsListenedOn) {
  const std::string ip = Ipv4(IP_PROTO_TCP);
  EXPECT_EQ(Of(ip + Tcp(kListened, TCP_SYN)), Concern::kThisCore);
  EXPECT_EQ(Of(ip + Tcp(kNobodys, TCP_SYN)), Concern::kAnother);
  // Of one that lives elsewhere.
  EXPECT_EQ(Of(ip + Tcp(kListened, TCP_ACK)), Concern::kAnother);
  EXPECT_EQ(Of(ip + Tcp(kListened, TCP_SYN | TCP_ACK)), Concern::kAnother);
  EXPECT_EQ(Of(ip + Tcp(kListened, TCP_RST)), Concern::kAnother);
}

TEST_F(ConcernTest, WhatIsNotForTheNodeStays) {
  EXPECT_EQ(Of(Ipv4(IP_PROTO_TCP, kPeers) + Tcp(kNobodys, TCP_ACK)),
            Concern::kThisCore);
  EXPECT_EQ(Of(Ipv4(IP_PROTO_ICMP)), Concern::kThisCore);
  EXPECT_EQ(Of(Ethernet(0x1234)), Concern::kThisCore);
}

TEST_F(ConcernTest, ADatagramGoesToItsPort) {
  EXPECT_EQ(Of(Ipv4(IP_PROTO_UDP) + Udp(kBound)), Concern::kThisCore);
  EXPECT_EQ(Of(Ipv4(IP_PROTO_UDP) + Udp(kNobodys)), Concern::kAnother);
  EXPECT_EQ(Of(Ipv4(IP_PROTO_UDP, IPADDR_BROADCAST) + Udp(kNobodys)),
            Concern::kAnother);
}

TEST_F(ConcernTest, FragmentsArePutTogetherInOnePlaceButThoseOfTcp) {
  EXPECT_EQ(Of(Ipv4(IP_PROTO_UDP, kOurs, IP_MF) + Udp(kBound)),
            Concern::kFirstCore);
  EXPECT_EQ(Of(Ipv4(IP_PROTO_UDP, kOurs, 100)), Concern::kFirstCore);
  EXPECT_EQ(Of(Ipv4(IP_PROTO_TCP, kOurs, IP_MF)), Concern::kNobody);
}

TEST_F(ConcernTest, EveryCoreLearnsOfNeighboursAndAnswersNothingForIt) {
  etharp_hdr request{};
  request.opcode = PP_HTONS(ARP_REQUEST);
  const std::string frame = Ethernet(ETHTYPE_ARP) + Bytes(request);
  EXPECT_EQ(Of(frame), Concern::kEveryCore);
  auto copy = CopyToLearnFrom(*IOBuf::Copy(frame));
  request.opcode = PP_HTONS(ARP_REPLY);
  EXPECT_EQ(copy->ToString(), Ethernet(ETHTYPE_ARP) + Bytes(request));
}

TEST_F(ConcernTest, FramesThatEndTooEarlyStay) {
  const std::string frames[] = {
      Ipv4(IP_PROTO_TCP) + Tcp(kNobodys, TCP_ACK),
      Ipv4(IP_PROTO_UDP) + Udp(kNobodys),
      Ethernet(ETHTYPE_ARP) + Bytes(etharp_hdr{}),
  };
  for (const std::string& frame : frames) {
    for (size_t size = 1; size < frame.size(); ++size) {
      EXPECT_EQ(Of(frame.substr(0, size)), Concern::kThisCore) << size;
    }
  }
  // A header that says it is longer than the frame.
  std::string long_header = Ipv4(IP_PROTO_TCP) + Tcp(kNobodys, TCP_ACK);
  long_header[SIZEOF_ETH_HDR] = 0x4F;
  EXPECT_EQ(Of(long_header), Concern::kThisCore);
  long_header[SIZEOF_ETH_HDR] = 0x41;
  EXPECT_EQ(Of(long_header), Concern::kThisCore);
}

TEST_F(ConcernTest, Ipv6IsAsIpv4) {
  EXPECT_EQ(Of(Ipv6(IP6_NEXTH_TCP) + Tcp(kListened, TCP_SYN)),
            Concern::kThisCore);
  EXPECT_EQ(Of(Ipv6(IP6_NEXTH_TCP) + Tcp(kListened, TCP_ACK)),
            Concern::kAnother);
  EXPECT_EQ(Of(Ipv6(IP6_NEXTH_UDP) + Udp(kBound)), Concern::kThisCore);
  EXPECT_EQ(Of(Ipv6(IP6_NEXTH_UDP) + Udp(kNobodys)), Concern::kAnother);
  for (auto type : {ICMP6_TYPE_PTB, ICMP6_TYPE_RA, ICMP6_TYPE_NA}) {
    EXPECT_EQ(Of(Ipv6(IP6_NEXTH_ICMP6) + static_cast<char>(type)),
              Concern::kEveryCore);
  }
  for (auto type : {ICMP6_TYPE_NS, ICMP6_TYPE_EREQ}) {
    EXPECT_EQ(Of(Ipv6(IP6_NEXTH_ICMP6) + static_cast<char>(type)),
              Concern::kThisCore);
  }
  ip6_frag_hdr fragment{};
  fragment._nexth = IP6_NEXTH_UDP;
  EXPECT_EQ(Of(Ipv6(IP6_NEXTH_FRAGMENT) + Bytes(fragment)),
            Concern::kFirstCore);
  fragment._nexth = IP6_NEXTH_TCP;
  EXPECT_EQ(Of(Ipv6(IP6_NEXTH_FRAGMENT) + Bytes(fragment)), Concern::kNobody);
}

/// An extension header of 8 * (more + 1) bytes.
std::string Options(uint8_t next, uint8_t more = 0) {
  std::string bytes(8 * (size_t{more} + 1), '\0');
  bytes[0] = static_cast<char>(next);
  bytes[1] = static_cast<char>(more);
  return bytes;
}

TEST_F(ConcernTest, ExtensionHeadersAreSkipped) {
  for (auto kind :
       {IP6_NEXTH_HOPBYHOP, IP6_NEXTH_ROUTING, IP6_NEXTH_DESTOPTS}) {
    const std::string ip = Ipv6(kind);
    EXPECT_EQ(Of(ip + Options(IP6_NEXTH_TCP) + Tcp(kNobodys, TCP_ACK)),
              Concern::kAnother);
    EXPECT_EQ(Of(ip + Options(IP6_NEXTH_TCP) + Tcp(kListened, TCP_SYN)),
              Concern::kThisCore);
    EXPECT_EQ(Of(ip + Options(IP6_NEXTH_UDP, 2) + Udp(kNobodys)),
              Concern::kAnother);
    EXPECT_EQ(Of(ip + Options(IP6_NEXTH_DESTOPTS) + Options(IP6_NEXTH_UDP) +
                 Udp(kNobodys)),
              Concern::kAnother);
    // One that ends too early, or says that it is longer than the frame.
    const std::string datagram = ip + Options(IP6_NEXTH_UDP, 1) + Udp(kNobodys);
    for (size_t size = ip.size(); size < datagram.size(); ++size) {
      EXPECT_EQ(Of(datagram.substr(0, size)), Concern::kThisCore) << size;
    }
    // Behind it there may be a connection's segment.
    ip6_frag_hdr fragment{};
    fragment._nexth = static_cast<uint8_t>(kind);
    EXPECT_EQ(Of(Ipv6(IP6_NEXTH_FRAGMENT) + Bytes(fragment)), Concern::kNobody);
    fragment._nexth = IP6_NEXTH_TCP;
    EXPECT_EQ(Of(ip + Options(IP6_NEXTH_FRAGMENT) + Bytes(fragment)),
              Concern::kNobody);
  }
}

}  // namespace
}  // namespace ebbrt::network
