#include "address_pool.h"

#include <algorithm>
#include <cstdio>

#include "user_error.h"

namespace ebbrt::iaas {
namespace {

constexpr Ipv4 Mask(uint8_t prefix) {
  return prefix == 0 ? 0 : ~Ipv4{0} << (32 - prefix);
}

constexpr Ipv4 Address(unsigned a, unsigned b, unsigned c, unsigned d) {
  return a << 24 | b << 16 | c << 8 | d;
}

}  // namespace

std::string ToString(Ipv4 address) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) {
    out += std::to_string(address >> shift & 0xff);
    if (shift > 0) out += '.';
  }
  return out;
}

std::string ToString(const MacAddress& mac) {
  char text[18];
  std::snprintf(text, sizeof text, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
                mac[1], mac[2], mac[3], mac[4], mac[5]);
  return text;
}

bool Subnet::Overlaps(const Subnet& other) const {
  const Ipv4 mask = Mask(std::min(prefix, other.prefix));
  return (base & mask) == (other.base & mask);
}

MacAddress NodeMac(Ipv4 address) {
  return {0x52,
          0x54,
          0x00,
          static_cast<uint8_t>(address >> 16),
          static_cast<uint8_t>(address >> 8),
          static_cast<uint8_t>(address)};
}

std::optional<Subnet> ChooseSubnet(uint8_t number,
                                   std::span<const Subnet> used) {
  const auto is_free = [&](const Subnet& candidate) {
    return std::ranges::none_of(
        used, [&](const Subnet& other) { return candidate.Overlaps(other); });
  };
  // From the middle of 10/8 up: the low networks are what people number by hand
  // and what container runtimes and QEMU's user networking (10.0.2) take.
  for (unsigned second = 64; second < 256; ++second) {
    const Subnet candidate{Address(10, second, number, 0), 24};
    if (is_free(candidate)) return candidate;
  }
  for (unsigned second = 16; second < 32; ++second) {
    const Subnet candidate{Address(172, second, number, 0), 24};
    if (is_free(candidate)) return candidate;
  }
  const Subnet last{Address(192, 168, number, 0), 24};
  if (is_free(last)) return last;
  return std::nullopt;
}

Ipv4 AddressPool::Take() {
  for (unsigned tried = kFirst; tried <= kLast; ++tried) {
    const unsigned host = next_;
    next_ = next_ == kLast ? kFirst : next_ + 1;
    if (taken_.test(host)) continue;
    taken_.set(host);
    return subnet_.base + host;
  }
  throw UserError("the session's network " + ToString(subnet_.base) +
                  "/24 has no free address left; end some of its nodes or "
                  "open another session");
}

void AddressPool::GiveBack(Ipv4 address) { taken_.reset(address & 0xff); }

}  // namespace ebbrt::iaas
