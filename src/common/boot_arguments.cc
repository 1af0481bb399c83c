#include "common/boot_arguments.h"

#include "common/concat.h"
#include "common/digits.h"

namespace ebbrt {
namespace {

constexpr std::string_view kPrefix = "ebbrt.";
constexpr std::string_view kHexDigits = "0123456789abcdef";

std::optional<uint8_t> HexByte(std::string_view two) {
  unsigned high = DigitValue(two[0]);
  unsigned low = DigitValue(two[1]);
  if (high > 15 || low > 15) return std::nullopt;
  return static_cast<uint8_t>(high << 4 | low);
}

void AppendHex(std::string& text, uint8_t byte) {
  text += kHexDigits[byte >> 4];
  text += kHexDigits[byte & 15];
}

[[noreturn]] void Reject(std::string_view key, std::string_view value,
                         std::string_view expected) {
  std::string message = "boot argument ";
  message.append(key);
  // A secret never reaches a log, not even a malformed one.
  if (key != "ebbrt.secret") message.append("=").append(value);
  throw BadBootArgument(message.append(": expected ").append(expected));
}

uint64_t Number(std::string_view key, std::string_view value, uint64_t lowest,
                uint64_t highest) {
  auto rest = value;
  auto number = TakeNumber(rest, highest);
  if (!number || !rest.empty() || *number < lowest) {
    Reject(key, value, Concat({"a number from ", lowest, " to ", highest}));
  }
  return *number;
}

std::optional<IpAddress> ParseIp6(std::string_view text) {
  auto address = IpAddress::Parse(text);
  return address && address->IsV4() ? std::nullopt : address;
}

void ParseOurs(BootArguments& result, std::string_view key,
               std::string_view value) {
  auto number = [&](uint64_t lowest, uint64_t highest) {
    return Number(key, value, lowest, highest);
  };
  auto require = [&](bool parsed, std::string_view expected) {
    if (!parsed) Reject(key, value, expected);
  };
  if (key == "ebbrt.node") {
    result.node = static_cast<NodeId>(number(kFrontEndNode, 0xFFFD));
  } else if (key == "ebbrt.frontend") {
    result.front_end = Endpoint::Parse(value);
    require(result.front_end.has_value(), "ip:port");
  } else if (key == "ebbrt.secret") {
    auto secret = SecretFromHex(value);
    require(secret.has_value(), "32 hex digits");
    result.secret = *secret;
  } else if (key == "ebbrt.port") {
    result.port = static_cast<uint16_t>(number(1, UINT16_MAX));
  } else if (key == "ebbrt.ip") {
    result.network = Ipv4Network::Parse(value);
    require(result.network.has_value(), "ip/prefix");
  } else if (key == "ebbrt.gateway") {
    result.gateway = Ipv4Address::Parse(value);
    require(result.gateway.has_value(), "an ip");
  } else if (key == "ebbrt.ip6") {
    // lwIP knows networks of 64 bits only, as RFC 4291 §2.5.4 wants them.
    bool is_64 = value.ends_with("/64");
    result.ip6 = ParseIp6(value.substr(0, value.size() - (is_64 ? 3 : 0)));
    require(is_64 && result.ip6, "an IPv6 address and /64");
  } else if (key == "ebbrt.gateway6") {
    result.gateway6 = ParseIp6(value);
    require(result.gateway6.has_value(), "an IPv6 address");
  } else if (key == "ebbrt.protocol") {
    result.protocol = static_cast<uint32_t>(number(0, UINT32_MAX));
  } else if (key == "ebbrt.tsc_khz") {
    result.tsc_khz = number(1'000, 100'000'000);
  } else if (key == "ebbrt.net") {
    result.net_features = value;
  } else if (key == "ebbrt.stall") {
    result.stall_ms = static_cast<uint32_t>(number(1, 3'600'000));
  } else if (key == "ebbrt.quiet") {
    result.quiet = true;
  } else if (key == "ebbrt.bootchart") {
    result.boot_chart = true;
  } else {
    throw BadBootArgument(
        Concat({"boot argument ", key,
                " is not known to this image; was it built from "
                "the same version as the front-end?"}));
  }
}

/// Takes the next word off the front of `line`; empty at its end.
std::string_view TakeWord(std::string_view& line) {
  constexpr std::string_view kSpace = " \t\r\n";
  size_t start = line.find_first_not_of(kSpace);
  if (start == line.npos) return line = {};
  line.remove_prefix(start);
  auto word = line.substr(0, line.find_first_of(kSpace));
  line.remove_prefix(word.size());
  return word;
}

}  // namespace

BootArguments BootArguments::Parse(std::string_view line) {
  BootArguments result;
  std::string_view word;
  while (!(word = TakeWord(line)).empty() && word != "--") {
    if (!word.starts_with(kPrefix)) continue;
    size_t equals = word.find('=');
    auto key = word.substr(0, equals);
    auto value = equals == word.npos ? "" : word.substr(equals + 1);
    ParseOurs(result, key, value);
  }
  while (!(word = TakeWord(line)).empty()) {
    // QEMU puts its devices at the end of the line, behind our arguments; an
    // argument of the application that looks the same comes encoded.
    if (word.starts_with("virtio_mmio.device=")) continue;
    result.arguments.push_back(DecodeArgument(word));
  }
  return result;
}

std::string BootArguments::ToCommandLine() const {
  std::string line = Concat({"ebbrt.node=", node});
  if (front_end) {
    line += Concat({" ebbrt.frontend=", front_end->ToString()});
    line += Concat({" ebbrt.secret=", SecretToHex(secret)});
  }
  if (port != 0) line += Concat({" ebbrt.port=", port});
  if (network) {
    line += Concat(
        {" ebbrt.ip=", network->address.ToString(), "/", network->prefix});
  }
  if (gateway) line += Concat({" ebbrt.gateway=", gateway->ToString()});
  if (ip6) line += Concat({" ebbrt.ip6=", ip6->ToString(), "/64"});
  if (gateway6) line += Concat({" ebbrt.gateway6=", gateway6->ToString()});
  if (protocol) line += Concat({" ebbrt.protocol=", *protocol});
  if (tsc_khz) line += Concat({" ebbrt.tsc_khz=", *tsc_khz});
  if (!net_features.empty()) line += Concat({" ebbrt.net=", net_features});
  if (stall_ms != 0) line += Concat({" ebbrt.stall=", stall_ms});
  if (quiet) line += " ebbrt.quiet";
  if (boot_chart) line += " ebbrt.bootchart";
  if (!arguments.empty()) line += " --";
  for (const auto& argument : arguments) {
    line += Concat({" ", EncodeArgument(argument)});
  }
  return line;
}

std::string SecretToHex(const Secret& secret) {
  std::string hex;
  for (uint8_t byte : secret) AppendHex(hex, byte);
  return hex;
}

std::optional<Secret> SecretFromHex(std::string_view hex) {
  Secret secret;
  if (hex.size() != 2 * secret.size()) return std::nullopt;
  for (size_t i = 0; i < secret.size(); ++i) {
    auto byte = HexByte(hex.substr(2 * i, 2));
    if (!byte) return std::nullopt;
    secret[i] = *byte;
  }
  return secret;
}

std::string EncodeArgument(std::string_view argument) {
  std::string encoded;
  bool plain_start = !argument.starts_with("virtio_mmio.device=");
  for (char c : argument) {
    auto byte = static_cast<uint8_t>(c);
    if (byte <= 0x20 || byte == '%' || byte >= 0x7F || !plain_start) {
      encoded += '%';
      AppendHex(encoded, byte);
      plain_start = true;
    } else {
      encoded += c;
    }
  }
  // An empty argument would vanish between its spaces.
  return encoded.empty() ? "%" : encoded;
}

std::string DecodeArgument(std::string_view encoded) {
  if (encoded == "%") return "";
  std::string argument;
  for (size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i] != '%') {
      argument += encoded[i];
      continue;
    }
    auto byte = encoded.size() - i > 2 ? HexByte(encoded.substr(i + 1, 2))
                                       : std::nullopt;
    if (!byte) {
      throw BadBootArgument(Concat({"application argument ", encoded,
                                    ": expected two hex digits after %"}));
    }
    argument += static_cast<char>(*byte);
    i += 2;
  }
  return argument;
}

}  // namespace ebbrt
