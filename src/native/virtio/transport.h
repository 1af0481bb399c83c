// Transport: how a virtio device is reached, whatever bus it sits on.
//
// The order that VirtIO 1.2 §3.1.1 demands of a driver is kept by this class
// and the caller:
//
//   Negotiate (resets, acknowledges, settles the features)
//   -> ReadConfig, QueueLimit, EnableQueue for each queue -> MarkReady
//   -> Notify as often as wanted -> Fail when the device misbehaves
//
// All members are called in events, on one core at a time while the device is set
// up; from then on Notify, for a queue on its own core, and Fail on any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "native/virtio/split_queue.h"

namespace ebbrt::virtio {

/// VirtIO 1.2 §5.
enum class DeviceType : uint32_t { kNone = 0, kNetwork = 1 };

/// Feature bits that are common to all devices (§6).
namespace feature {
inline constexpr uint64_t kEventIndex = uint64_t{1} << 29;
inline constexpr uint64_t kVersion1 = uint64_t{1} << 32;
}  // namespace feature

/// §2.1.
namespace status {
inline constexpr uint8_t kAcknowledge = 1;
inline constexpr uint8_t kDriver = 2;
inline constexpr uint8_t kDriverOk = 4;
inline constexpr uint8_t kFeaturesOk = 8;
inline constexpr uint8_t kNeedsReset = 64;
inline constexpr uint8_t kFailed = 128;
}  // namespace status

/// How often the status is read before a device that won't reset is left as it
/// is: a broken device must not hold the node.
inline constexpr int kResetPolls = 1'000'000;

class Transport {
 public:
  virtual ~Transport() = default;

  /// For messages: "pci 00:03.0", "mmio 0xfeb00e00".
  virtual std::string Name() const = 0;
  virtual DeviceType Type() const = 0;

  /// Resets the device and settles on `wanted` features of those it offers;
  /// kVersion1 is always asked for. Returns the features agreed on. Throws
  /// std::runtime_error when the device is older than VirtIO 1 or refuses.
  uint64_t Negotiate(uint64_t wanted);

  /// Descriptors that queue `index` can have; 0 when there is no such queue.
  virtual uint16_t QueueLimit(uint16_t index) = 0;
  /// Gives the device its queue; `interrupt` runs as an event on the calling
  /// core when the device has used buffers of it, perhaps without need.
  virtual void EnableQueue(uint16_t index, const SplitQueue& queue,
                           std::function<void()> interrupt) = 0;
  /// The device may begin.
  void MarkReady();
  /// Tells the device that queue `index` has news.
  virtual void Notify(uint16_t index) = 0;
  /// Stops the device for good: it is reset and marked as failed. Once, on
  /// whichever core comes first.
  void Fail();

  /// Copies device configuration from `offset`; consistent even when the device
  /// changes it meanwhile (§2.5.1).
  void ReadConfig(size_t offset, std::span<std::byte> to);

 protected:
  virtual void Reset() = 0;
  virtual uint8_t Status() = 0;
  virtual void SetStatus(uint8_t status) = 0;
  virtual uint64_t OfferedFeatures() = 0;
  virtual void AcceptFeatures(uint64_t features) = 0;
  virtual uint32_t ConfigGeneration() = 0;
  virtual uint8_t ConfigByte(size_t offset) = 0;

 private:
  std::atomic<bool> failed_{false};
};

}  // namespace ebbrt::virtio
