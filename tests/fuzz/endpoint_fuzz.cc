// Fuzzes the texts of addresses: what is accepted prints as something that
// parses to the same value, and nothing is accepted that isn't of its form.
#include "common/endpoint.h"

#include <arpa/inet.h>

#include <cstring>
#include <string>

#include "tests/fuzz/fuzz.h"

namespace {

using ebbrt::Endpoint;
using ebbrt::IpAddress;
using ebbrt::Ipv4Address;
using ebbrt::Ipv4Network;
using ebbrt::fuzz::Check;

bool OnlyOf(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == text.npos;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto text = ebbrt::fuzz::Text(data, size);
  if (auto address = Ipv4Address::Parse(text)) {
    Check(Ipv4Address::Parse(address->ToString()) == address,
          "an address reads back");
    Check(OnlyOf(text, "0123456789."), "an address has digits and dots");
  }
  const auto address = IpAddress::Parse(text);
  if (address) {
    Check(IpAddress::Parse(address->ToString()) == address,
          "an address of either protocol reads back");
  }
  if (text.find('%') == text.npos && text.find(':') != text.npos) {
    // The C library is of one mind with us, but for leading zeros in the IPv4
    // part.
    in6_addr theirs;
    const bool accepted =
        text.find('\0') == text.npos &&
        inet_pton(AF_INET6, std::string(text).c_str(), &theirs) == 1;
    Check(address.has_value() == accepted || text.find('.') != text.npos,
          "an IPv6 address is what inet_pton says");
    if (accepted && address) {
      Check(std::memcmp(&theirs, address->bytes.data(), sizeof theirs) == 0,
            "an IPv6 address is read as by inet_pton");
    }
  }
  if (auto endpoint = Endpoint::Parse(text)) {
    Check(Endpoint::Parse(endpoint->ToString()) == endpoint,
          "an endpoint reads back");
    Check(endpoint->port != 0, "an endpoint has a port");
    Check(OnlyOf(text, "0123456789abcdefABCDEF.:[]%"),
          "an endpoint has nothing besides");
    Check(text.starts_with('[') || OnlyOf(text, "0123456789.:"),
          "IPv6 stands in brackets");
  }
  if (auto network = Ipv4Network::Parse(text)) {
    Check(network->prefix <= 32, "a prefix has at most 32 bits");
    const uint32_t mask = network->Mask().value;
    Check((~mask & (~mask + 1)) == 0, "a mask is ones, then zeros");
    Check(__builtin_popcount(mask) == network->prefix,
          "a mask has as many ones as the prefix says");
    Check(OnlyOf(text, "0123456789./"), "a network has one slash besides");
  }
  return 0;
}
