#include "native/virtio/mmio_transport.h"

#include <stdexcept>
#include <utility>

#include "common/concat.h"
#include "native/hex.h"

namespace ebbrt::virtio {
namespace {

constexpr uint32_t kMagic = 0x74726976;  // "virt"
constexpr uint32_t kLegacyVersion = 1;
constexpr uint32_t kVersion = 2;

uint32_t Low(uint64_t value) { return static_cast<uint32_t>(value); }
uint32_t High(uint64_t value) { return static_cast<uint32_t>(value >> 32); }

}  // namespace

MmioTransport::MmioTransport(volatile MmioRegisters* registers,
                             uint64_t physical, BindLine bind)
    : registers_(registers), physical_(physical), bind_(std::move(bind)) {
  if (registers_->magic != kMagic) {
    throw std::runtime_error(Concat({Name(), ": no virtio device is there"}));
  }
  uint32_t version = registers_->version;
  if (version == kLegacyVersion && Type() != DeviceType::kNone) {
    throw std::runtime_error(
        Concat({Name(),
                ": a legacy virtio device (version 1); start QEMU with "
                "-global virtio-mmio.force-legacy=false"}));
  }
  if (version != kVersion && version != kLegacyVersion) {
    throw std::runtime_error(
        Concat({Name(), ": unknown virtio-mmio version ", version}));
  }
}

std::string MmioTransport::Name() const {
  return Concat({"virtio-mmio 0x", Hex(physical_)});
}

DeviceType MmioTransport::Type() const {
  return static_cast<DeviceType>(registers_->device_id);
}

void MmioTransport::Reset() {
  registers_->status = 0;
  for (int i = 0; i < kResetPolls && registers_->status != 0; ++i) {
  }
}

uint8_t MmioTransport::Status() {
  return static_cast<uint8_t>(registers_->status);
}

uint64_t MmioTransport::OfferedFeatures() {
  registers_->device_features_select = 0;
  uint64_t low = registers_->device_features;
  registers_->device_features_select = 1;
  return low | uint64_t{registers_->device_features} << 32;
}

void MmioTransport::AcceptFeatures(uint64_t features) {
  registers_->driver_features_select = 0;
  registers_->driver_features = Low(features);
  registers_->driver_features_select = 1;
  registers_->driver_features = High(features);
}

uint8_t MmioTransport::ConfigByte(size_t offset) {
  return reinterpret_cast<volatile uint8_t*>(registers_ + 1)[offset];
}

uint16_t MmioTransport::QueueLimit(uint16_t index) {
  registers_->queue_select = index;
  uint32_t limit = registers_->queue_size_max;
  return limit > 32768 ? 32768 : static_cast<uint16_t>(limit);
}

void MmioTransport::EnableQueue(uint16_t index, const SplitQueue& queue,
                                std::function<void()> interrupt) {
  if (!bound_) {
    bound_ = true;
    bind_([this] { OnInterrupt(); });
  }
  if (interrupt) handlers_.push_back(std::move(interrupt));
  registers_->queue_select = index;
  registers_->queue_size = queue.Size();
  registers_->queue_descriptors_low = Low(queue.DescriptorAddress());
  registers_->queue_descriptors_high = High(queue.DescriptorAddress());
  registers_->queue_available_low = Low(queue.AvailableAddress());
  registers_->queue_available_high = High(queue.AvailableAddress());
  registers_->queue_used_low = Low(queue.UsedAddress());
  registers_->queue_used_high = High(queue.UsedAddress());
  registers_->queue_ready = 1;
}

void MmioTransport::OnInterrupt() {
  uint32_t why = registers_->interrupt_status;
  registers_->interrupt_acknowledge = why;
  // One line for all queues: each looks for itself.
  for (auto& handler : handlers_) handler();
}

}  // namespace ebbrt::virtio
