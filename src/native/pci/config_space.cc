#include "native/pci/config_space.h"

#include <bitset>

#include "common/concat.h"
#include "native/hex.h"

namespace ebbrt::pci {
namespace {

constexpr unsigned kDevicesPerBus = 32;
constexpr unsigned kFunctionsPerDevice = 8;
constexpr uint32_t kNothing = ~uint32_t{0};
/// Capabilities start behind the header (PCI 3.0 §6.7).
constexpr uint8_t kFirstCapability = 0x40;

using SeenBusses = std::bitset<256>;

void EnumerateBus(ConfigSpace& config, uint8_t bus, SeenBusses& seen,
                  const std::function<void(Address)>& found);

/// Returns the function's header type.
uint8_t EnumerateFunction(ConfigSpace& config, Address address,
                          SeenBusses& seen,
                          const std::function<void(Address)>& found) {
  uint8_t type = config.Read8(address, reg::kHeaderType);
  if ((type & kHeaderTypeMask) == kHeaderBridge) {
    EnumerateBus(config, config.Read8(address, reg::kSecondaryBus), seen,
                 found);
  } else {
    found(address);
  }
  return type;
}

void EnumerateBus(ConfigSpace& config, uint8_t bus, SeenBusses& seen,
                  const std::function<void(Address)>& found) {
  // A bridge that firmware left unnumbered leads to bus 0 again.
  if (seen.test(bus)) return;
  seen.set(bus);
  for (unsigned device = 0; device < kDevicesPerBus; ++device) {
    unsigned functions = 1;
    for (unsigned function = 0; function < functions; ++function) {
      Address address{bus, static_cast<uint8_t>(device),
                      static_cast<uint8_t>(function)};
      if (config.Read16(address, reg::kVendor) == kNoVendor) continue;
      uint8_t type = EnumerateFunction(config, address, seen, found);
      if (function == 0 && (type & kHeaderMultiFunction) != 0) {
        functions = kFunctionsPerDevice;
      }
    }
  }
}

}  // namespace

std::string Address::ToString() const {
  return Concat({Hex(bus, 2), ":", Hex(device, 2), ".", Hex(function)});
}

uint16_t ConfigSpace::Read16(Address address, uint16_t offset) {
  uint32_t both = Read32(address, offset & ~3);
  return static_cast<uint16_t>(both >> 8 * (offset & 2));
}

uint8_t ConfigSpace::Read8(Address address, uint16_t offset) {
  uint32_t all = Read32(address, offset & ~3);
  return static_cast<uint8_t>(all >> 8 * (offset & 3));
}

void ConfigSpace::Write16(Address address, uint16_t offset, uint16_t value) {
  uint32_t both = Read32(address, offset & ~3);
  unsigned shift = 8 * (offset & 2);
  both = (both & ~(0xFFFFu << shift)) | uint32_t{value} << shift;
  Write32(address, offset & ~3, both);
}

volatile uint32_t* EcamConfigSpace::Register(Address address,
                                             uint16_t offset) const {
  if (address.bus < first_bus_ || address.bus > last_bus_) return nullptr;
  size_t bus = address.bus - first_bus_;
  size_t position = bus << 20 | size_t{address.device} << 15 |
                    size_t{address.function} << 12 | offset;
  return reinterpret_cast<volatile uint32_t*>(window_ + position);
}

uint32_t EcamConfigSpace::Read32(Address address, uint16_t offset) {
  volatile uint32_t* place = Register(address, offset);
  return place == nullptr ? kNothing : *place;
}

void EcamConfigSpace::Write32(Address address, uint16_t offset,
                              uint32_t value) {
  volatile uint32_t* place = Register(address, offset);
  if (place != nullptr) *place = value;
}

void Enumerate(ConfigSpace& config, const std::function<void(Address)>& found) {
  SeenBusses seen;
  EnumerateBus(config, 0, seen, found);
}

std::optional<uint8_t> FindCapability(
    ConfigSpace& config, Address address,
    const std::function<bool(uint8_t id, uint8_t offset)>& found) {
  if ((config.Read16(address, reg::kStatus) & kStatusCapabilities) == 0) {
    return std::nullopt;
  }
  std::bitset<256> seen;
  // The two low bits are reserved and read as anything.
  uint8_t offset = config.Read8(address, reg::kCapabilities) & ~3;
  while (offset >= kFirstCapability && !seen.test(offset)) {
    seen.set(offset);
    uint16_t head = config.Read16(address, offset);
    if (found(static_cast<uint8_t>(head), offset)) return offset;
    offset = static_cast<uint8_t>(head >> 8) & ~3;
  }
  return std::nullopt;
}

}  // namespace ebbrt::pci
