// MmioTransport: a virtio device at an address that the machine's maker names,
// as QEMU's microvm and Firecracker have them. VirtIO 1.2 §4.2.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "native/virtio/transport.h"

namespace ebbrt::virtio {

/// The device's registers, §4.2.2.
struct MmioRegisters {
  uint32_t magic;                   // 0x000
  uint32_t version;                 // 0x004
  uint32_t device_id;               // 0x008
  uint32_t vendor_id;               // 0x00C
  uint32_t device_features;         // 0x010
  uint32_t device_features_select;  // 0x014
  uint32_t reserved_018[2];         //
  uint32_t driver_features;         // 0x020
  uint32_t driver_features_select;  // 0x024
  uint32_t reserved_028[2];         //
  uint32_t queue_select;            // 0x030
  uint32_t queue_size_max;          // 0x034
  uint32_t queue_size;              // 0x038
  uint32_t reserved_03c[2];         //
  uint32_t queue_ready;             // 0x044
  uint32_t reserved_048[2];         //
  uint32_t queue_notify;            // 0x050
  uint32_t reserved_054[3];         //
  uint32_t interrupt_status;        // 0x060
  uint32_t interrupt_acknowledge;   // 0x064
  uint32_t reserved_068[2];         //
  uint32_t status;                  // 0x070
  uint32_t reserved_074[3];         //
  uint32_t queue_descriptors_low;   // 0x080
  uint32_t queue_descriptors_high;  // 0x084
  uint32_t reserved_088[2];         //
  uint32_t queue_available_low;     // 0x090
  uint32_t queue_available_high;    // 0x094
  uint32_t reserved_098[2];         //
  uint32_t queue_used_low;          // 0x0A0
  uint32_t queue_used_high;         // 0x0A4
  uint32_t reserved_0a8[21];        //
  uint32_t config_generation;       // 0x0FC
};
static_assert(sizeof(MmioRegisters) == 0x100);
static_assert(offsetof(MmioRegisters, queue_notify) == 0x050);
static_assert(offsetof(MmioRegisters, status) == 0x070);
static_assert(offsetof(MmioRegisters, config_generation) == 0x0FC);

class MmioTransport : public Transport {
 public:
  /// Lets `handler` run as an event on this core when the device's interrupt
  /// line is raised. Called once.
  using BindLine = std::function<void(std::function<void()> handler)>;

  /// `registers` are mapped, with the device configuration behind them;
  /// `physical` is for messages. A place without device has Type() kNone.
  /// Throws std::runtime_error when nothing of virtio is there.
  MmioTransport(volatile MmioRegisters* registers, uint64_t physical,
                BindLine bind);

  std::string Name() const override;
  DeviceType Type() const override;
  uint16_t QueueLimit(uint16_t index) override;
  void EnableQueue(uint16_t index, const SplitQueue& queue,
                   std::function<void()> interrupt) override;
  void Notify(uint16_t index) override { registers_->queue_notify = index; }

 protected:
  void Reset() override;
  uint8_t Status() override;
  void SetStatus(uint8_t status) override { registers_->status = status; }
  uint64_t OfferedFeatures() override;
  void AcceptFeatures(uint64_t features) override;
  uint32_t ConfigGeneration() override { return registers_->config_generation; }
  uint8_t ConfigByte(size_t offset) override;

 private:
  void OnInterrupt();

  volatile MmioRegisters* const registers_;
  const uint64_t physical_;
  BindLine bind_;
  bool bound_ = false;
  std::vector<std::function<void()>> handlers_;
};

}  // namespace ebbrt::virtio
