// PairControl: the control queue of a network device, which says how many of
// its pairs of queues are used. VirtIO 1.2 §5.1.6.5.5.
//
//   made, before the device is started -> first.Start() -> Use, once ->
//   Answered until it says more than that there is none
//
// On the first pair's core, in events. It lies on the heap, for the device
// reads and writes it, and lives as long as the device, which may be late with
// its answer.
#pragma once

#include <cstdint>

#include "native/virtio/net_device.h"
#include "native/virtio/net_layout.h"
#include "native/virtio/split_queue.h"

namespace ebbrt::virtio {

class PairControl {
 public:
  enum class Answer { kNone, kDone, kRefused };

  /// `first` has agreed on several pairs (first.PairLimit() > 1). Throws
  /// std::runtime_error when there is no such queue, std::bad_alloc.
  [[gnu::cold]] explicit PairControl(NetDevice& first);

  /// Asks the device to receive on, and send from, pairs 0 to `pairs` - 1.
  [[gnu::cold]] void Use(uint16_t pairs);
  /// What the device says to that. One that breaks the rules is failed, and has
  /// refused.
  [[gnu::cold]] Answer Answered();

 private:
  NetDevice& first_;
  const uint16_t index_;
  SplitQueue queue_;
  PairsCommand command_;
  uint8_t status_ = 0xFF;  // the device's to write
};

}  // namespace ebbrt::virtio
