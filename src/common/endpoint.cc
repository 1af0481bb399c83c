#include "common/endpoint.h"

#include <cstring>

#include "common/concat.h"
#include "common/digits.h"

namespace ebbrt {
namespace {

bool TakeCharacter(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<Ipv4Address> TakeV4(std::string_view& text) {
  uint32_t value = 0;
  for (int i = 0; i < 4; ++i) {
    if (i > 0 && !TakeCharacter(text, '.')) return std::nullopt;
    auto octet = TakeNumber(text, 255);
    if (!octet) return std::nullopt;
    value = value << 8 | static_cast<uint32_t>(*octet);
  }
  return Ipv4Address{value};
}

std::optional<IpAddress> TakeV6(std::string_view& text) {
  IpAddress result;
  auto& bytes = result.bytes;
  size_t size = 0;
  size_t gap = bytes.size();  // where "::" stands
  while (size < bytes.size()) {
    if (text.starts_with("::")) {
      if (gap != bytes.size()) return std::nullopt;
      gap = size;
      text.remove_prefix(2);
      if (text.empty() || DigitValue(text[0]) > 15) break;
    } else if (size > 0 && !TakeCharacter(text, ':')) {
      break;
    }
    auto before = text;
    auto group = TakeNumber(text, 0xFFFF, 16);
    if (!group || before.size() - text.size() > 4) return std::nullopt;
    if (size <= 12 && text.starts_with('.')) {
      // The last 32 bits, as an IPv4 address has them.
      text = before;
      auto v4 = TakeV4(text);
      if (!v4) return std::nullopt;
      std::memcpy(&bytes[size], &IpAddress(*v4).bytes[12], 4);
      size += 4;
      break;
    }
    bytes[size++] = static_cast<uint8_t>(*group >> 8);
    bytes[size++] = static_cast<uint8_t>(*group);
  }
  // "::" is one group of zeros at least; without it all are written.
  if ((size == bytes.size()) != (gap == bytes.size())) return std::nullopt;
  if (size < bytes.size()) {
    const size_t behind = size - gap;
    std::memmove(bytes.end() - behind, &bytes[gap], behind);
    std::memset(&bytes[gap], 0, bytes.size() - size);
  }
  if (result.IsLinkLocal() && TakeCharacter(text, '%')) {
    auto zone = TakeNumber(text, UINT32_MAX);
    if (!zone) return std::nullopt;
    result.zone = static_cast<uint32_t>(*zone);
  }
  return result;
}

}  // namespace

std::optional<Ipv4Address> Ipv4Address::Parse(std::string_view text) {
  auto address = TakeV4(text);
  return text.empty() ? address : std::nullopt;
}

std::string Ipv4Address::ToString() const {
  return Concat({value >> 24, ".", value >> 16 & 0xFF, ".", value >> 8 & 0xFF,
                 ".", value & 0xFF});
}

bool IpAddress::IsLinkLocal() const {
  return bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80;
}

std::optional<IpAddress> IpAddress::Parse(std::string_view text) {
  if (auto v4 = Ipv4Address::Parse(text)) return *v4;
  auto address = TakeV6(text);
  return text.empty() ? address : std::nullopt;
}

std::string IpAddress::ToString() const {
  if (IsV4()) return V4().ToString();
  uint32_t groups[8];
  for (size_t i = 0; i < 8; ++i) groups[i] = bytes[2 * i] << 8 | bytes[2 * i + 1];
  // The first of the longest runs of zeros, if it is of two groups or more.
  size_t gap = 8;
  size_t longest = 1;
  for (size_t end = 0, run = 0; end < 8; ++end) {
    run = groups[end] == 0 ? run + 1 : 0;
    if (run <= longest) continue;
    longest = run;
    gap = end + 1 - run;
  }
  char text[8 * 5 + 1];
  char* at = text;
  for (size_t i = 0; i < 8; ++i) {
    if (i > 0 || gap == 0) *at++ = ':';
    if (i == gap) {
      i += longest - 1;
      if (i == 7) *at++ = ':';
      continue;
    }
    bool begun = false;
    for (int shift = 12; shift >= 0; shift -= 4) {
      unsigned digit = groups[i] >> shift & 0xF;
      begun = begun || digit != 0 || shift == 0;
      if (begun) *at++ = "0123456789abcdef"[digit];
    }
  }
  std::string_view written(text, at - text);
  return zone == 0 ? std::string(written) : Concat({written, "%", zone});
}

std::optional<Endpoint> Endpoint::Parse(std::string_view text) {
  std::optional<IpAddress> address;
  if (TakeCharacter(text, '[')) {
    address = TakeV6(text);
    if (!TakeCharacter(text, ']')) return std::nullopt;
  } else {
    address = TakeV4(text);
  }
  if (!address || !TakeCharacter(text, ':')) return std::nullopt;
  auto port = TakeNumber(text, 65535);
  if (!port || *port == 0 || !text.empty()) return std::nullopt;
  return Endpoint{*address, static_cast<uint16_t>(*port)};
}

std::string Endpoint::ToString() const {
  auto host = address.ToString();
  return address.IsV4() ? Concat({host, ":", port})
                        : Concat({"[", host, "]:", port});
}

std::optional<Ipv4Network> Ipv4Network::Parse(std::string_view text) {
  auto address = TakeV4(text);
  if (!address || !TakeCharacter(text, '/')) return std::nullopt;
  auto prefix = TakeNumber(text, 32);
  if (!prefix || !text.empty()) return std::nullopt;
  return Ipv4Network{*address, static_cast<uint8_t>(*prefix)};
}

}  // namespace ebbrt
