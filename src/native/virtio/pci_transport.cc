#include "native/virtio/pci_transport.h"

#include <stdexcept>
#include <utility>

#include "common/concat.h"

namespace ebbrt::virtio {
namespace {

// §4.1.2.
constexpr uint16_t kVendor = 0x1AF4;
constexpr uint16_t kFirstTransitional = 0x1000;
constexpr uint16_t kFirstModern = 0x1040;
constexpr uint16_t kLastModern = 0x107F;
constexpr uint16_t kSubsystemRegister = 0x2E;

// The vendor capability's fields, §4.1.4, and what its type says.
constexpr uint8_t kCapType = 3;
constexpr uint8_t kCapBar = 4;
constexpr uint8_t kCapOffset = 8;
constexpr uint8_t kCapLength = 12;
constexpr uint8_t kCapNotifyMultiplier = 16;
constexpr uint8_t kTypeCommon = 1;
constexpr uint8_t kTypeNotify = 2;
constexpr uint8_t kTypeDevice = 4;

constexpr uint16_t kNoVector = 0xFFFF;

uint32_t Low(uint64_t value) { return static_cast<uint32_t>(value); }
uint32_t High(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

PciRegion ReadRegion(pci::ConfigSpace& config, pci::Address address,
                     uint8_t capability) {
  return {config.Read8(address, capability + kCapBar),
          config.Read32(address, capability + kCapOffset),
          config.Read32(address, capability + kCapLength)};
}

}  // namespace

DeviceType PciDeviceType(pci::ConfigSpace& config, pci::Address address) {
  if (config.Read16(address, pci::reg::kVendor) != kVendor) {
    return DeviceType::kNone;
  }
  uint16_t id = config.Read16(address, pci::reg::kDevice);
  if (id >= kFirstModern && id <= kLastModern) {
    return static_cast<DeviceType>(id - kFirstModern);
  }
  if (id >= kFirstTransitional && id < kFirstModern) {
    return static_cast<DeviceType>(config.Read16(address, kSubsystemRegister));
  }
  return DeviceType::kNone;
}

PciRegions FindPciRegions(pci::ConfigSpace& config, pci::Address address) {
  std::optional<PciRegion> common;
  std::optional<PciRegion> notify;
  std::optional<PciRegion> device;
  uint32_t multiplier = 0;
  pci::FindCapability(config, address, [&](uint8_t id, uint8_t at) {
    if (id != pci::kCapabilityVendor) return false;
    uint8_t type = config.Read8(address, at + kCapType);
    // The device offers several of a type in its order of preference; one in a
    // BAR that we cannot use is passed over (§4.1.4.1).
    PciRegion region = ReadRegion(config, address, at);
    if (!pci::ReadBar(config, address, region.bar)) return false;
    if (type == kTypeCommon && !common) common = region;
    if (type == kTypeDevice && !device) device = region;
    if (type == kTypeNotify && !notify) {
      notify = region;
      multiplier = config.Read32(address, at + kCapNotifyMultiplier);
    }
    return false;
  });
  if (!common || !notify || common->length < sizeof(PciCommonConfig)) {
    throw std::runtime_error(Concat(
        {"pci ", address.ToString(),
         ": a virtio device without the modern interface (VirtIO 1); give QEMU "
         "disable-modern=off"}));
  }
  return {*common, *notify, multiplier, device};
}

PciTransport::PciTransport(std::unique_ptr<pci::Device> device,
                           BindMessage bind)
    : device_(std::move(device)),
      bind_(std::move(bind)),
      type_(PciDeviceType(device_->Config(), device_->Where())),
      regions_(FindPciRegions(device_->Config(), device_->Where())) {
  common_ = static_cast<volatile PciCommonConfig*>(device_->MapBar(
      regions_.common.bar, regions_.common.offset, sizeof(PciCommonConfig)));
  if (regions_.device) {
    config_ = static_cast<volatile uint8_t*>(
        device_->MapBar(regions_.device->bar, regions_.device->offset,
                        regions_.device->length));
  }
  vectors_ = device_->EnableMsix();
}

std::string PciTransport::Name() const {
  return Concat({"virtio-pci ", device_->Where().ToString()});
}

void PciTransport::Reset() {
  common_->device_status = 0;
  // §4.1.4.3.2: the reset is done when it reads as zero.
  for (int i = 0; i < kResetPolls && common_->device_status != 0; ++i) {
  }
}

uint64_t PciTransport::OfferedFeatures() {
  common_->device_feature_select = 0;
  uint64_t low = common_->device_feature;
  common_->device_feature_select = 1;
  return low | uint64_t{common_->device_feature} << 32;
}

void PciTransport::AcceptFeatures(uint64_t features) {
  common_->driver_feature_select = 0;
  common_->driver_feature = Low(features);
  common_->driver_feature_select = 1;
  common_->driver_feature = High(features);
}

uint8_t PciTransport::ConfigByte(size_t offset) {
  if (config_ == nullptr || offset >= regions_.device->length) return 0;
  return config_[offset];
}

uint16_t PciTransport::QueueLimit(uint16_t index) {
  if (index >= common_->num_queues) return 0;
  common_->queue_select = index;
  return common_->queue_size;
}

uint16_t PciTransport::BindVector(std::function<void()> interrupt) {
  if (!interrupt) return kNoVector;
  if (next_vector_ == vectors_) {
    throw std::runtime_error(
        Concat({Name(), ": the device has too few interrupts"}));
  }
  Message message = bind_(std::move(interrupt));
  device_->RouteMsix(next_vector_, message.address, message.data);
  return next_vector_++;
}

void PciTransport::EnableQueue(uint16_t index, const SplitQueue& queue,
                               std::function<void()> interrupt) {
  uint16_t vector = BindVector(std::move(interrupt));
  common_->queue_select = index;
  common_->queue_size = queue.Size();
  common_->queue_msix_vector = vector;
  if (common_->queue_msix_vector != vector) {
    throw std::runtime_error(
        Concat({Name(), ": the device refuses an interrupt"}));
  }
  uint64_t offset =
      uint64_t{common_->queue_notify_offset} * regions_.notify_multiplier;
  if (offset + sizeof(uint16_t) > regions_.notify.length) {
    throw std::runtime_error(
        Concat({Name(), ": a queue's doorbell lies outside"}));
  }
  if (notify_.size() <= index) notify_.resize(index + 1);
  notify_[index] = static_cast<volatile uint16_t*>(device_->MapBar(
      regions_.notify.bar, regions_.notify.offset + offset, sizeof(uint16_t)));
  common_->queue_descriptors_low = Low(queue.DescriptorAddress());
  common_->queue_descriptors_high = High(queue.DescriptorAddress());
  common_->queue_available_low = Low(queue.AvailableAddress());
  common_->queue_available_high = High(queue.AvailableAddress());
  common_->queue_used_low = Low(queue.UsedAddress());
  common_->queue_used_high = High(queue.UsedAddress());
  common_->queue_enable = 1;
}

}  // namespace ebbrt::virtio
