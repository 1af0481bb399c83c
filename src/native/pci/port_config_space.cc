#include "native/pci/config_space.h"

namespace ebbrt::pci {
namespace {

// PCI Local Bus 3.0 §3.2.2.3.2.
constexpr uint16_t kAddressPort = 0xCF8;
constexpr uint16_t kDataPort = 0xCFC;
constexpr uint32_t kEnable = uint32_t{1} << 31;

void Out32(uint16_t port, uint32_t value) {
  asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

uint32_t In32(uint16_t port) {
  uint32_t value;
  asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

void Select(Address address, uint16_t offset) {
  Out32(kAddressPort, kEnable | uint32_t{address.bus} << 16 |
                          uint32_t{address.device} << 11 |
                          uint32_t{address.function} << 8 | offset);
}

}  // namespace

uint32_t PortConfigSpace::Read32(Address address, uint16_t offset) {
  Select(address, offset);
  return In32(kDataPort);
}

void PortConfigSpace::Write32(Address address, uint16_t offset,
                              uint32_t value) {
  Select(address, offset);
  Out32(kDataPort, value);
}

}  // namespace ebbrt::pci
