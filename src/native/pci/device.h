// Device: one PCI function in use: its registers in memory and its interrupts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "native/pci/config_space.h"

namespace ebbrt::pci {

/// One entry of a function's MSI-X table, PCI 3.0 §6.8.2.
struct MsixEntry {
  uint32_t address_low;
  uint32_t address_high;
  uint32_t data;
  uint32_t control;
};
static_assert(sizeof(MsixEntry) == 16);
inline constexpr uint32_t kMsixMasked = 1;

/// Where a base address register points.
struct Bar {
  uint64_t address;
};

/// Reads BAR `index` (0..5). Nothing for I/O ports, for one that firmware left
/// without an address, and for an index that is none.
std::optional<Bar> ReadBar(ConfigSpace& config, Address address,
                           unsigned index);

class Device {
 public:
  /// Maps `size` bytes of device memory at a physical address.
  using Map = std::function<volatile void*(uint64_t physical, size_t size)>;

  /// Enables the function's memory and bus mastering. `config` outlives this.
  Device(ConfigSpace& config, Address address, Map map);

  Address Where() const { return address_; }
  uint16_t VendorId() { return config_.Read16(address_, reg::kVendor); }
  uint16_t DeviceId() { return config_.Read16(address_, reg::kDevice); }
  ConfigSpace& Config() { return config_; }

  /// `size` bytes from `offset` in BAR `bar`, mapped. Throws
  /// std::runtime_error when firmware gave the BAR no address.
  volatile void* MapBar(unsigned bar, uint64_t offset, size_t size);

  /// Turns MSI-X on, with every entry masked; INTx is off. Returns the number
  /// of entries. Throws std::runtime_error when the function has no MSI-X.
  uint16_t EnableMsix();
  /// Entry `index` < EnableMsix() now writes `data` to `message_address` when
  /// its event happens (Intel SDM vol. 3 §11.11).
  void RouteMsix(uint16_t index, uint64_t message_address, uint32_t data);

 private:
  ConfigSpace& config_;
  const Address address_;
  Map map_;
  volatile MsixEntry* msix_ = nullptr;
};

}  // namespace ebbrt::pci
