// FakeTransport: a virtio network device in the same program, for tests.
//
// It plays the device's side of the rings, byte for byte as the specification
// has them, so that the driver under test can't tell it from QEMU's; and it can
// misbehave on request, by writing whatever a test wants into the used ring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "native/virtio/net_layout.h"
#include "native/virtio/split_queue.h"
#include "native/virtio/transport.h"

namespace ebbrt::virtio {

/// The device's side of one queue.
class DeviceQueue {
 public:
  struct Chain {
    uint16_t id = 0;
    std::vector<std::pair<std::byte*, uint32_t>> readable;
    std::vector<std::pair<std::byte*, uint32_t>> writable;
  };

  DeviceQueue() = default;
  DeviceQueue(const SplitQueue& queue, bool event_index)
      : size_(queue.Size()),
        event_index_(event_index),
        descriptors_(At<layout::Descriptor>(queue.DescriptorAddress())),
        available_(At<layout::AvailableHead>(queue.AvailableAddress())),
        used_(At<layout::UsedHead>(queue.UsedAddress())) {
    AskForNotification();
  }

  /// The next chain that the driver has made available.
  std::optional<Chain> Next() {
    if (taken_ == available_->index) return std::nullopt;
    auto* ring = reinterpret_cast<uint16_t*>(available_ + 1);
    Chain chain;
    chain.id = ring[taken_++ % size_];
    AskForNotification();
    for (uint16_t i = chain.id;; i = descriptors_[i].next) {
      const layout::Descriptor& d = descriptors_[i];
      auto* bytes = At<std::byte>(d.address);
      bool writes = (d.flags & layout::kDescriptorWrite) != 0;
      (writes ? chain.writable : chain.readable).emplace_back(bytes, d.length);
      if ((d.flags & layout::kDescriptorNext) == 0) return chain;
    }
  }

  /// Reports any id and length as used, right or wrong.
  void Use(uint32_t id, uint32_t length) {
    auto* ring = reinterpret_cast<layout::UsedElement*>(used_ + 1);
    ring[used_index_ % size_] = {id, length};
    used_->index = ++used_index_;
  }

  /// Whether the driver wants an interrupt for what was used since the last
  /// call.
  bool InterruptWanted() {
    uint16_t old = std::exchange(signalled_, used_index_);
    if (old == used_index_) return false;
    if (!event_index_) {
      return (available_->flags & layout::kAvailableNoInterrupt) == 0;
    }
    uint16_t event = reinterpret_cast<uint16_t*>(available_ + 1)[size_];
    return static_cast<uint16_t>(used_index_ - event - 1) <
           static_cast<uint16_t>(used_index_ - old);
  }

  void SetUsedIndex(uint16_t index) { used_->index = used_index_ = index; }
  void SetFlags(uint16_t flags) { used_->flags = flags; }
  uint16_t Available() const { return available_->index; }

 private:
  template <typename T>
  static T* At(uint64_t address) {
    return reinterpret_cast<T*>(address);
  }

  /// "Tell me of the next one."
  void AskForNotification() {
    if (!event_index_) return;
    auto* ring = reinterpret_cast<layout::UsedElement*>(used_ + 1);
    *reinterpret_cast<uint16_t*>(ring + size_) = taken_;
  }

  uint16_t size_ = 0;
  bool event_index_ = false;
  layout::Descriptor* descriptors_ = nullptr;
  layout::AvailableHead* available_ = nullptr;
  layout::UsedHead* used_ = nullptr;
  uint16_t taken_ = 0;
  uint16_t used_index_ = 0;
  uint16_t signalled_ = 0;
};

class FakeTransport : public Transport {
 public:
  /// What the test keeps hold of; the transport itself goes to the driver.
  struct Device {
    uint64_t offered = ~uint64_t{0};
    uint16_t queue_size = 16;
    std::vector<std::byte> config = std::vector<std::byte>(24);
    uint64_t accepted = 0;
    uint8_t status = 0;
    int resets = 0;
    std::vector<DeviceQueue> queues = std::vector<DeviceQueue>(2);
    std::vector<std::function<void()>> interrupts =
        std::vector<std::function<void()>>(2);
    std::vector<int> notified = std::vector<int>(2);
    std::function<void(uint16_t)> on_notify;
    int vectors = 1000;  // that are left

    /// `count` pairs of queues and the control queue behind them.
    void SetPairs(uint16_t count) {
      size_t all = 2 * count + 1;
      queues.resize(all);
      interrupts.resize(all);
      notified.resize(all);
      config[net_config::kMaxPairsOffset] = std::byte(count);
    }

    bool Has(uint64_t feature) const { return (accepted & feature) != 0; }
  };

  explicit FakeTransport(Device& device) : device_(device) {}

  std::string Name() const override { return "fake"; }
  DeviceType Type() const override { return DeviceType::kNetwork; }
  uint16_t QueueLimit(uint16_t index) override {
    return index < device_.queues.size() ? device_.queue_size : 0;
  }
  void EnableQueue(uint16_t index, const SplitQueue& queue,
                   std::function<void()> interrupt) override {
    if (interrupt && device_.vectors-- == 0) {
      throw std::runtime_error("too few interrupts");
    }
    device_.queues[index] =
        DeviceQueue(queue, device_.Has(feature::kEventIndex));
    device_.interrupts[index] = std::move(interrupt);
  }
  void Notify(uint16_t index) override {
    ++device_.notified[index];
    if (device_.on_notify) device_.on_notify(index);
  }

 protected:
  void Reset() override {
    device_.status = 0;
    ++device_.resets;
  }
  uint8_t Status() override { return device_.status; }
  void SetStatus(uint8_t status) override { device_.status = status; }
  uint64_t OfferedFeatures() override { return device_.offered; }
  void AcceptFeatures(uint64_t features) override {
    device_.accepted = features;
  }
  uint32_t ConfigGeneration() override { return 0; }
  uint8_t ConfigByte(size_t offset) override {
    return static_cast<uint8_t>(device_.config.at(offset));
  }

 private:
  Device& device_;
};

}  // namespace ebbrt::virtio
