// Addresses of IPv4 and IPv6, and ports, as values.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
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

/// An address of either protocol, in network byte order; one of IPv4 is kept as
/// ::ffff:a.b.c.d (RFC 4291 §2.5.5.2), a form that no packet carries.
struct IpAddress {
  std::array<uint8_t, 16> bytes{};
  /// Of a link-local address (fe80::/10): which link, an interface's index as
  /// the system that holds the address counts them. 0: not said; a back-end
  /// takes its only one.
  uint32_t zone = 0;

  /// "::", the address of nobody.
  constexpr IpAddress() = default;
  constexpr IpAddress(Ipv4Address v4)  // NOLINT: every IPv4 address is one
      : IpAddress(0, uint64_t{0xFFFF} << 32 | v4.value) {}
  /// From a number of 128 bits.
  constexpr IpAddress(uint64_t high, uint64_t low) {
    for (size_t i = 0; i < 8; ++i) {
      bytes[i] = static_cast<uint8_t>(high >> (56 - 8 * i));
      bytes[8 + i] = static_cast<uint8_t>(low >> (56 - 8 * i));
    }
  }
  uint64_t High() const { return Half(0); }
  uint64_t Low() const { return Half(8); }

  bool IsV4() const { return High() == 0 && Low() >> 32 == 0xFFFF; }
  /// The IPv4 address that IsV4 says this is.
  Ipv4Address V4() const { return {static_cast<uint32_t>(Low())}; }
  bool IsLinkLocal() const;

  /// "a.b.c.d", or a form of RFC 4291 §2.2, behind which "%2" names the zone;
  /// std::nullopt for anything malformed.
  static std::optional<IpAddress> Parse(std::string_view text);
  /// The form of RFC 5952.
  std::string ToString() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  uint64_t Half(size_t from) const {
    uint64_t big_endian;
    std::memcpy(&big_endian, &bytes[from], sizeof big_endian);
    return __builtin_bswap64(big_endian);
  }
};

/// An endpoint of TCP or UDP.
struct Endpoint {
  IpAddress address;
  uint16_t port = 0;

  /// "a.b.c.d:port" or "[v6]:port", port 1..65535; std::nullopt for anything
  /// malformed.
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
