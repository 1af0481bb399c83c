// IPv4 networks and the addresses handed out of them.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace ebbrt::iaas {

// An IPv4 address in host byte order.
using Ipv4 = uint32_t;

// Dotted decimal.
std::string ToString(Ipv4 address);

// An IPv4 network: its lowest address and its prefix length (0..32).
struct Subnet {
  Ipv4 base = 0;
  uint8_t prefix = 0;

  bool Overlaps(const Subnet& other) const;
  bool operator==(const Subnet&) const = default;
};

using MacAddress = std::array<uint8_t, 6>;

// Lower-case hexadecimal with colons.
std::string ToString(const MacAddress& mac);

// The address of the node's network device, derived from its IP address:
// 52:54:00 and the address's last three bytes.
MacAddress NodeMac(Ipv4 address);

// The /24 network for bridge number `number`: from 10/8, else 172.16/12, else
// 192.168/16, the first that overlaps none of `used`. Two bridges of different
// numbers never get the same one, so daemons that don't know of one another
// don't collide as long as their bridges have different names.
std::optional<Subnet> ChooseSubnet(uint8_t number,
                                   std::span<const Subnet> used);

// Hands out the node addresses of one /24 network: .2 to .254; .1 is the
// host's. An address given back is taken again as late as possible, so that
// stale ARP entries have died.
class AddressPool {
 public:
  explicit AddressPool(Subnet subnet) : subnet_(subnet) {}

  Ipv4 Host() const { return subnet_.base + 1; }
  const Subnet& Network() const { return subnet_; }
  // Throws UserError when all 253 are taken.
  Ipv4 Take();
  // Gives back an address that Take() gave.
  void GiveBack(Ipv4 address);

 private:
  static constexpr unsigned kFirst = 2;
  static constexpr unsigned kLast = 254;

  Subnet subnet_;
  std::bitset<256> taken_;
  unsigned next_ = kFirst;
};

}  // namespace ebbrt::iaas
