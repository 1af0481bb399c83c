#include "packet_filter.h"

#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

namespace ebbrt::iaas {
namespace {

// Where fields lie in a frame (RFC 894, RFC 826, RFC 791 §3.1).
constexpr uint32_t kEtherType = 12;
constexpr uint32_t kArpTarget = ETH_HLEN + 24;
constexpr uint32_t kIpv4Source = ETH_HLEN + 12;
constexpr uint32_t kIpv4Destination = ETH_HLEN + 16;
constexpr uint32_t kFirstMulticast = 0xE0000000;

using Program = std::vector<sock_filter>;

constexpr uint16_t kLoadHalf = BPF_LD | BPF_H | BPF_ABS;
constexpr uint16_t kLoadWord = BPF_LD | BPF_W | BPF_ABS;
constexpr uint16_t kAnd = BPF_ALU | BPF_AND | BPF_K;
constexpr uint16_t kIfEqual = BPF_JMP | BPF_JEQ | BPF_K;
constexpr uint16_t kIfNotLess = BPF_JMP | BPF_JGE | BPF_K;
constexpr uint16_t kReturn = BPF_RET | BPF_K;

sock_filter Do(uint16_t code, uint32_t operand) {
  return BPF_STMT(code, operand);
}

// Goes over `yes` or `no` instructions.
sock_filter If(uint16_t code, uint32_t operand, uint8_t yes, uint8_t no) {
  return BPF_JUMP(code, operand, yes, no);
}

uint32_t Mask(const Subnet& network) {
  return network.prefix == 0 ? 0 : ~uint32_t{0} << (32 - network.prefix);
}

}  // namespace

Program FromNodesFilter(const Subnet& network) {
  return {
      Do(kLoadHalf, kEtherType),
      If(kIfEqual, ETH_P_ARP, 0, 2),
      Do(kLoadWord, kArpTarget),
      Do(BPF_JMP | BPF_JA, 6),  // to the look at the destination
      If(kIfEqual, ETH_P_IP, 0, 8),
      Do(kLoadWord, kIpv4Source),
      If(kIfEqual, 0, 2, 0),
      Do(kAnd, Mask(network)),
      If(kIfEqual, network.base, 0, 5),
      Do(kLoadWord, kIpv4Destination),
      If(kIfNotLess, kFirstMulticast, 2, 0),
      Do(kAnd, Mask(network)),
      If(kIfEqual, network.base, 0, 1),
      Do(kReturn, TC_ACT_OK),
      Do(kReturn, TC_ACT_SHOT),
  };
}

Program ToNodesFilter(const Subnet& network) {
  return {
      Do(kLoadHalf, kEtherType),        If(kIfEqual, ETH_P_IP, 0, 3),
      Do(kLoadWord, kIpv4Source),       Do(kAnd, Mask(network)),
      If(kIfEqual, network.base, 0, 1), Do(kReturn, TC_ACT_OK),
      Do(kReturn, TC_ACT_SHOT),
  };
}

}  // namespace ebbrt::iaas
