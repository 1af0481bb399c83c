// BootArguments: what a node is told at birth, on the kernel command line.
//
// Words separated by spaces. `ebbrt.key=value` and the flags below are ours;
// after the word `--` come the application's arguments, percent-encoded (%XX
// for bytes up to 0x20, '%', and from 0x7F on). Words that aren't ours are left
// to others: firmware and QEMU add theirs (virtio_mmio.device=...).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "common/endpoint.h"
#include "common/types.h"

namespace ebbrt {

/// What a messenger connection must prove to belong to the application.
using Secret = std::array<uint8_t, 16>;

/// A boot argument that makes no sense; what() names it and what it should be.
class BadBootArgument : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct BootArguments {
  NodeId node = kNoNode;               ///< ebbrt.node=2
  std::optional<Endpoint> front_end;   ///< ebbrt.frontend=10.0.0.1:4711
  Secret secret{};                     ///< ebbrt.secret=32 hex digits
  uint16_t port = 0;                   ///< ebbrt.port=4712, the messenger's
  std::optional<Ipv4Network> network;  ///< ebbrt.ip=10.0.0.2/24
  std::optional<Ipv4Address> gateway;  ///< ebbrt.gateway=10.0.0.1
  std::optional<IpAddress> ip6;        ///< ebbrt.ip6=2001:db8::2/64
  std::optional<IpAddress> gateway6;   ///< ebbrt.gateway6=fe80::1
  std::optional<uint32_t> protocol;    ///< ebbrt.protocol=1
  std::optional<uint64_t> tsc_khz;     ///< ebbrt.tsc_khz=2400000
  std::string net_features;            ///< ebbrt.net=-csum,-mtu
  uint32_t stall_ms = 0;               ///< ebbrt.stall=500, see stall_detector.h
  bool quiet = false;                  ///< ebbrt.quiet
  bool boot_chart = false;             ///< ebbrt.bootchart
  std::vector<std::string> arguments;  ///< after --

  /// Throws BadBootArgument; an unknown `ebbrt.` word is one too.
  static BootArguments Parse(std::string_view command_line);

  /// The command line that Parse reads back as this.
  std::string ToCommandLine() const;
};

/// A secret as 32 hex digits, and back (std::nullopt for anything else).
std::string SecretToHex(const Secret& secret);
std::optional<Secret> SecretFromHex(std::string_view hex);

/// The encoding of one application argument, and back (BadBootArgument for a %
/// that is not followed by two hex digits).
std::string EncodeArgument(std::string_view argument);
std::string DecodeArgument(std::string_view encoded);

}  // namespace ebbrt
