// Runs the programs in the kernel, on a pair of sockets: a filter there returns
// how much of a packet is let through, of which TC_ACT_OK is nothing and
// TC_ACT_SHOT two bytes.

#include "packet_filter.h"

#include <gtest/gtest.h>
#include <linux/pkt_cls.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <vector>

namespace ebbrt::iaas {
namespace {

const Subnet kNetwork{0x0A400100, 24};  // 10.64.1.0/24
constexpr Ipv4 kNode = 0x0A400102;
constexpr Ipv4 kHost = 0x0A400101;
constexpr Ipv4 kOther = 0x0A400001;  // in the next network

using Frame = std::vector<uint8_t>;

void Put(Frame& frame, size_t at, Ipv4 address) {
  for (size_t i = 0; i < 4; ++i) {
    frame[at + i] = static_cast<uint8_t>(address >> (24 - 8 * i));
  }
}

Frame Ip(Ipv4 source, Ipv4 destination) {
  Frame frame(64);
  frame[12] = 0x08;
  frame[14] = 0x45;
  Put(frame, 26, source);
  Put(frame, 30, destination);
  return frame;
}

Frame Arp(Ipv4 target) {
  Frame frame(64);
  frame[12] = 0x08;
  frame[13] = 0x06;
  Put(frame, 28, kNode);
  Put(frame, 38, target);
  return frame;
}

bool Passes(std::vector<sock_filter> program, const Frame& frame) {
  int ends[2];
  EXPECT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, ends), 0);
  const sock_fprog filter{static_cast<unsigned short>(program.size()),
                          program.data()};
  EXPECT_EQ(
      setsockopt(ends[0], SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter),
      0);
  EXPECT_EQ(send(ends[1], frame.data(), frame.size(), 0),
            static_cast<ssize_t>(frame.size()));
  std::array<uint8_t, 64> buffer;
  const ssize_t got = recv(ends[0], buffer.data(), buffer.size(), 0);
  close(ends[0]);
  close(ends[1]);
  static_assert(TC_ACT_OK == 0 && TC_ACT_SHOT == 2);
  EXPECT_TRUE(got < 0 || got == TC_ACT_SHOT) << got;
  return got < 0;
}

TEST(PacketFilter, NodesReachTheirOwnNetwork) {
  const auto filter = FromNodesFilter(kNetwork);
  EXPECT_TRUE(Passes(filter, Ip(kNode, kHost)));
  EXPECT_TRUE(Passes(filter, Ip(kNode, 0x0A4001FF)));  // its broadcast
  EXPECT_TRUE(Passes(filter, Ip(kNode, 0xFFFFFFFF)));
  EXPECT_TRUE(Passes(filter, Ip(0, 0xFFFFFFFF)));  // DHCP
  EXPECT_TRUE(Passes(filter, Ip(kNode, 0xE0000001)));
  EXPECT_TRUE(Passes(filter, Arp(kHost)));
}

TEST(PacketFilter, NodesReachNoOtherNetwork) {
  const auto filter = FromNodesFilter(kNetwork);
  EXPECT_FALSE(Passes(filter, Ip(kNode, kOther)));
  EXPECT_FALSE(Passes(filter, Ip(kNode, 0x7F000001)));
  EXPECT_FALSE(Passes(filter, Ip(kNode, 0x08080808)));
  EXPECT_FALSE(Passes(filter, Ip(0, kOther)));
  EXPECT_FALSE(Passes(filter, Arp(kOther)));
}

TEST(PacketFilter, NodesHaveNoOthersAddresses) {
  EXPECT_FALSE(Passes(FromNodesFilter(kNetwork), Ip(kOther, kHost)));
}

TEST(PacketFilter, OnlyTheirOwnNetworkReachesNodes) {
  const auto filter = ToNodesFilter(kNetwork);
  EXPECT_TRUE(Passes(filter, Ip(kHost, kNode)));
  EXPECT_TRUE(Passes(filter, Arp(kNode)));
  EXPECT_FALSE(Passes(filter, Ip(kOther, kNode)));
  EXPECT_FALSE(Passes(filter, Ip(0x08080808, kNode)));
}

}  // namespace
}  // namespace ebbrt::iaas
