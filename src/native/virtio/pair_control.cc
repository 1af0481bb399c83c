#include "native/virtio/pair_control.h"

#include <atomic>
#include <stdexcept>

#include "common/concat.h"
#include "native/virtio/device_address.h"

namespace ebbrt::virtio {
namespace {

/// One command of two pieces, and its answer, is all that is ever under way.
constexpr uint16_t kDescriptors = 4;

uint16_t CheckedSize(Transport& transport, uint16_t index) {
  if (transport.QueueLimit(index) < kDescriptors) {
    throw std::runtime_error(
        Concat({transport.Name(), ": the device has no control queue"}));
  }
  return kDescriptors;
}

}  // namespace

PairControl::PairControl(NetDevice& first)
    : first_(first),
      index_(first.PairLimit() * kQueuesOfPair),
      queue_(CheckedSize(first.Bus(), index_), first.Has(feature::kEventIndex)
                                                   ? EventIndex::kOn
                                                   : EventIndex::kOff) {
  queue_.DisableInterrupts();
  first.Bus().EnableQueue(index_, queue_, nullptr);
}

void PairControl::Use(uint16_t pairs) {
  command_.pairs = pairs;
  Piece command{DeviceAddress(&command_), sizeof command_};
  Piece status{DeviceAddress(&status_), sizeof status_};
  queue_.Add({&command, 1}, {&status, 1});
  if (queue_.Publish()) first_.Bus().Notify(index_);
}

PairControl::Answer PairControl::Answered() {
  if (auto used = queue_.Take()) {
    // What is said not to have been written is not read.
    uint8_t status = std::atomic_ref(status_).load(std::memory_order_relaxed);
    return used->written == sizeof status_ && status == kCommandDone
               ? Answer::kDone
               : Answer::kRefused;
  }
  if (queue_.Failure() != nullptr) {
    first_.Fail(queue_.Failure());
    return Answer::kRefused;
  }
  return Answer::kNone;
}

}  // namespace ebbrt::virtio
