// Configuration space: how PCI functions are found and described.
//
// PCI Local Bus 3.0 §6.1 (header), §6.7 (capabilities); PCI Express Base §7.2.2
// (ECAM). Two ways lead there: a window in memory, where firmware names one in
// its MCFG table, and the two I/O ports that every PC has, which reach the
// first 256 bytes, enough for all that is used here.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace ebbrt::pci {

/// A function's place.
struct Address {
  uint8_t bus = 0;
  uint8_t device = 0;    // < 32
  uint8_t function = 0;  // < 8

  std::string ToString() const;
};

/// The registers of the header that this system uses.
namespace reg {
inline constexpr uint16_t kVendor = 0x00;
inline constexpr uint16_t kDevice = 0x02;
inline constexpr uint16_t kCommand = 0x04;
inline constexpr uint16_t kStatus = 0x06;
inline constexpr uint16_t kHeaderType = 0x0E;
inline constexpr uint16_t kBar0 = 0x10;
inline constexpr uint16_t kSecondaryBus = 0x19;  // of a bridge
inline constexpr uint16_t kCapabilities = 0x34;
}  // namespace reg

inline constexpr uint16_t kNoVendor = 0xFFFF;
inline constexpr uint16_t kCommandMemory = 1 << 1;
inline constexpr uint16_t kCommandBusMaster = 1 << 2;
inline constexpr uint16_t kCommandNoIntx = 1 << 10;
inline constexpr uint16_t kStatusCapabilities = 1 << 4;
inline constexpr uint8_t kHeaderMultiFunction = 0x80;
inline constexpr uint8_t kHeaderTypeMask = 0x7F;
inline constexpr uint8_t kHeaderBridge = 1;

/// Capability ids.
inline constexpr uint8_t kCapabilityVendor = 0x09;
inline constexpr uint8_t kCapabilityMsix = 0x11;

/// Reads and writes configuration space. Offsets are multiples of the width and
/// below 256. On one core at a time.
class ConfigSpace {
 public:
  virtual ~ConfigSpace() = default;

  virtual uint32_t Read32(Address address, uint16_t offset) = 0;
  virtual void Write32(Address address, uint16_t offset, uint32_t value) = 0;

  // Narrower accesses by way of the 32 bits around them; a write of 16 bits
  // writes the neighbours back as they were read.
  uint16_t Read16(Address address, uint16_t offset);
  uint8_t Read8(Address address, uint16_t offset);
  void Write16(Address address, uint16_t offset, uint16_t value);
};

/// Through the I/O ports 0xCF8 and 0xCFC.
class PortConfigSpace : public ConfigSpace {
 public:
  uint32_t Read32(Address address, uint16_t offset) override;
  void Write32(Address address, uint16_t offset, uint32_t value) override;
};

/// Through a mapped ECAM window that begins with bus `first_bus`.
class EcamConfigSpace : public ConfigSpace {
 public:
  /// `window` covers 1 MiB for each bus from `first_bus` to `last_bus`. A bus
  /// outside reads as empty.
  EcamConfigSpace(volatile void* window, uint8_t first_bus, uint8_t last_bus)
      : window_(static_cast<volatile uint8_t*>(window)),
        first_bus_(first_bus),
        last_bus_(last_bus) {}

  uint32_t Read32(Address address, uint16_t offset) override;
  void Write32(Address address, uint16_t offset, uint32_t value) override;

 private:
  volatile uint32_t* Register(Address address, uint16_t offset) const;

  volatile uint8_t* window_;
  uint8_t first_bus_;
  uint8_t last_bus_;
};

/// Calls `found` for every function on bus 0 and the busses behind bridges that
/// firmware has numbered.
void Enumerate(ConfigSpace& config, const std::function<void(Address)>& found);

/// Calls `found(id, offset)` for each capability of the function, in their
/// order, until it returns true: then the offset is returned. A list that runs
/// in a circle or out of the space ends there.
std::optional<uint8_t> FindCapability(
    ConfigSpace& config, Address address,
    const std::function<bool(uint8_t id, uint8_t offset)>& found);

}  // namespace ebbrt::pci
