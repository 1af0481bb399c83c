#include "native/pci/device.h"

#include <stdexcept>
#include <utility>

#include "common/concat.h"

namespace ebbrt::pci {
namespace {

// Base address registers, PCI 3.0 §6.2.5.1.
constexpr unsigned kBars = 6;
constexpr uint32_t kBarIo = 1;
constexpr uint32_t kBarTypeMask = 6;
constexpr uint32_t kBarType64 = 4;
constexpr uint32_t kBarAddressMask = ~uint32_t{0xF};

// The MSI-X capability, PCI 3.0 §6.8.2.
constexpr uint16_t kMsixControl = 2;
constexpr uint16_t kMsixTable = 4;
constexpr uint16_t kMsixControlSize = 0x7FF;
constexpr uint16_t kMsixControlMaskAll = 1 << 14;
constexpr uint16_t kMsixControlEnable = 1 << 15;
constexpr uint32_t kMsixBarMask = 7;

}  // namespace

std::optional<Bar> ReadBar(ConfigSpace& config, Address address,
                           unsigned index) {
  if (index >= kBars) return std::nullopt;
  auto offset = static_cast<uint16_t>(reg::kBar0 + 4 * index);
  uint32_t low = config.Read32(address, offset);
  if ((low & kBarIo) != 0) return std::nullopt;
  uint64_t where = low & kBarAddressMask;
  if ((low & kBarTypeMask) == kBarType64) {
    if (index + 1 >= kBars) return std::nullopt;
    where |= uint64_t{config.Read32(address, offset + 4)} << 32;
  }
  if (where == 0) return std::nullopt;
  return Bar{where};
}

Device::Device(ConfigSpace& config, Address address, Map map)
    : config_(config), address_(address), map_(std::move(map)) {
  uint16_t command = config_.Read16(address_, reg::kCommand);
  // The upper half is the status register, whose bits are cleared by writing
  // ones: it is written as zero.
  config_.Write32(address_, reg::kCommand,
                  static_cast<uint16_t>(command | kCommandMemory |
                                        kCommandBusMaster | kCommandNoIntx));
}

volatile void* Device::MapBar(unsigned bar, uint64_t offset, size_t size) {
  auto where = ReadBar(config_, address_, bar);
  if (!where) {
    throw std::runtime_error(
        Concat({"pci ", address_.ToString(), ": BAR ", bar,
                " has no memory address from the firmware"}));
  }
  return map_(where->address + offset, size);
}

uint16_t Device::EnableMsix() {
  auto capability = FindCapability(config_, address_, [](uint8_t id, uint8_t) {
    return id == kCapabilityMsix;
  });
  if (!capability) {
    throw std::runtime_error(
        Concat({"pci ", address_.ToString(), ": the device has no MSI-X"}));
  }
  uint16_t control_at = *capability + kMsixControl;
  uint16_t control = config_.Read16(address_, control_at);
  auto count = static_cast<uint16_t>((control & kMsixControlSize) + 1);
  uint32_t table = config_.Read32(address_, *capability + kMsixTable);
  msix_ = static_cast<volatile MsixEntry*>(MapBar(
      table & kMsixBarMask, table & ~kMsixBarMask, count * sizeof(MsixEntry)));
  config_.Write16(address_, control_at,
                  control | kMsixControlEnable | kMsixControlMaskAll);
  for (uint16_t i = 0; i < count; ++i) msix_[i].control = kMsixMasked;
  config_.Write16(address_, control_at,
                  static_cast<uint16_t>((control | kMsixControlEnable) &
                                        ~kMsixControlMaskAll));
  return count;
}

void Device::RouteMsix(uint16_t index, uint64_t message_address,
                       uint32_t data) {
  volatile MsixEntry& entry = msix_[index];
  entry.control = kMsixMasked;
  entry.address_low = static_cast<uint32_t>(message_address);
  entry.address_high = static_cast<uint32_t>(message_address >> 32);
  entry.data = data;
  entry.control = 0;
}

}  // namespace ebbrt::pci
