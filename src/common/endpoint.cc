#include "common/endpoint.h"

#include <charconv>

#include "common/concat.h"

namespace ebbrt {
namespace {

/// Takes a decimal number of at most `limit` off the front of `text`.
std::optional<uint32_t> TakeNumber(std::string_view& text, uint32_t limit) {
  uint32_t value = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || value > limit) return std::nullopt;
  text.remove_prefix(end - text.data());
  return value;
}

bool TakeCharacter(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<Ipv4Address> TakeAddress(std::string_view& text) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    if (i > 0 && !TakeCharacter(text, '.')) return std::nullopt;
    auto octet = TakeNumber(text, 255);
    if (!octet) return std::nullopt;
    value = value << 8 | *octet;
  }
  return Ipv4Address{value};
}

}  // namespace

std::optional<Ipv4Address> Ipv4Address::Parse(std::string_view text) {
  auto address = TakeAddress(text);
  return text.empty() ? address : std::nullopt;
}

std::string Ipv4Address::ToString() const {
  return Concat({value >> 24, ".", value >> 16 & 0xFF, ".", value >> 8 & 0xFF,
                 ".", value & 0xFF});
}

std::optional<Endpoint> Endpoint::Parse(std::string_view text) {
  auto address = TakeAddress(text);
  if (!address || !TakeCharacter(text, ':')) return std::nullopt;
  auto port = TakeNumber(text, 65535);
  if (!port || *port == 0 || !text.empty()) return std::nullopt;
  return Endpoint{*address, static_cast<uint16_t>(*port)};
}

std::string Endpoint::ToString() const {
  return Concat({address.ToString(), ":", port});
}

std::optional<Ipv4Network> Ipv4Network::Parse(std::string_view text) {
  auto address = TakeAddress(text);
  if (!address || !TakeCharacter(text, '/')) return std::nullopt;
  auto prefix = TakeNumber(text, 32);
  if (!prefix || !text.empty()) return std::nullopt;
  return Ipv4Network{*address, static_cast<uint8_t>(*prefix)};
}

}  // namespace ebbrt
