// Addresses: an IPv4 address and a port, as values.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace ebbrt {

/// An IPv4 address, kept in host byte order (10.0.0.1 is 0x0A000001).
struct Ipv4Address {
  uint32_t value = 0;

  /// "a.b.c.d", nothing else; std::nullopt for anything malformed.
  static std::optional<Ipv4Address> Parse(std::string_view text);
  std::string ToString() const;

  auto operator<=>(const Ipv4Address&) const = default;
};

/// A TCP endpoint.
struct Endpoint {
  Ipv4Address address;
  uint16_t port = 0;

  /// "a.b.c.d:port", port 1..65535; std::nullopt for anything malformed.
  static std::optional<Endpoint> Parse(std::string_view text);
  std::string ToString() const;

  auto operator<=>(const Endpoint&) const = default;
};

/// An address with the length of its network's prefix, "a.b.c.d/24".
struct Ipv4Network {
  Ipv4Address address;
  uint8_t prefix = 0;

  /// std::nullopt for anything malformed or a prefix above 32.
  static std::optional<Ipv4Network> Parse(std::string_view text);
  /// The mask as an address, 255.255.255.0 for /24.
  Ipv4Address Mask() const {
    return {prefix == 0 ? 0 : ~uint32_t{0} << (32 - prefix)};
  }

  auto operator<=>(const Ipv4Network&) const = default;
};

}  // namespace ebbrt
