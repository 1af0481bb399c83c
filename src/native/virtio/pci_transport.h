// PciTransport: a virtio device as a PCI function with MSI-X. VirtIO 1.2 §4.1.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "native/pci/device.h"
#include "native/virtio/transport.h"

namespace ebbrt::virtio {

/// §4.1.4.3.
struct PciCommonConfig {
  uint32_t device_feature_select;
  uint32_t device_feature;
  uint32_t driver_feature_select;
  uint32_t driver_feature;
  uint16_t config_msix_vector;
  uint16_t num_queues;
  uint8_t device_status;
  uint8_t config_generation;
  uint16_t queue_select;
  uint16_t queue_size;
  uint16_t queue_msix_vector;
  uint16_t queue_enable;
  uint16_t queue_notify_offset;
  // 64-bit registers are written as halves, as §4.1.3.1 allows every driver.
  uint32_t queue_descriptors_low;
  uint32_t queue_descriptors_high;
  uint32_t queue_available_low;
  uint32_t queue_available_high;
  uint32_t queue_used_low;
  uint32_t queue_used_high;
};
static_assert(sizeof(PciCommonConfig) == 56);
static_assert(offsetof(PciCommonConfig, device_status) == 20);
static_assert(offsetof(PciCommonConfig, queue_descriptors_low) == 32);

/// Where one of the device's register groups lies, from a vendor capability
/// (§4.1.4).
struct PciRegion {
  uint8_t bar;
  uint32_t offset;
  uint32_t length;
};

/// The register groups of a device.
struct PciRegions {
  PciRegion common;
  PciRegion notify;
  uint32_t notify_multiplier;
  std::optional<PciRegion> device;
};

/// What kind of virtio device the function is, kNone if it is none.
DeviceType PciDeviceType(pci::ConfigSpace& config, pci::Address address);

/// Reads the capabilities. Throws std::runtime_error when the function has no
/// modern interface.
PciRegions FindPciRegions(pci::ConfigSpace& config, pci::Address address);

class PciTransport : public Transport {
 public:
  /// What a function writes where to interrupt.
  struct Message {
    uint64_t address;
    uint32_t data;
  };
  /// Lets `handler` run as an event on this core whenever the returned message
  /// is written.
  using BindMessage = std::function<Message(std::function<void()> handler)>;

  /// Throws std::runtime_error when the function has no modern interface.
  PciTransport(std::unique_ptr<pci::Device> device, BindMessage bind);

  std::string Name() const override;
  DeviceType Type() const override { return type_; }
  uint16_t QueueLimit(uint16_t index) override;
  void EnableQueue(uint16_t index, const SplitQueue& queue,
                   std::function<void()> interrupt) override;
  void Notify(uint16_t index) override { *notify_[index] = index; }

 protected:
  void Reset() override;
  uint8_t Status() override { return common_->device_status; }
  void SetStatus(uint8_t status) override { common_->device_status = status; }
  uint64_t OfferedFeatures() override;
  void AcceptFeatures(uint64_t features) override;
  uint32_t ConfigGeneration() override { return common_->config_generation; }
  uint8_t ConfigByte(size_t offset) override;

 private:
  uint16_t BindVector(std::function<void()> interrupt);

  std::unique_ptr<pci::Device> device_;
  BindMessage bind_;
  DeviceType type_;
  PciRegions regions_;
  volatile PciCommonConfig* common_;
  volatile uint8_t* config_ = nullptr;
  uint16_t vectors_;
  uint16_t next_vector_ = 0;
  std::vector<volatile uint16_t*> notify_;  // by queue
};

}  // namespace ebbrt::virtio
