#include "native/virtio/transport.h"

#include <stdexcept>

#include "common/concat.h"

namespace ebbrt::virtio {

uint64_t Transport::Negotiate(uint64_t wanted) {
  Reset();
  SetStatus(status::kAcknowledge);
  SetStatus(status::kAcknowledge | status::kDriver);
  uint64_t offered = OfferedFeatures();
  if ((offered & feature::kVersion1) == 0) {
    SetStatus(status::kFailed);
    throw std::runtime_error(Concat(
        {Name(),
         ": a virtio device from before version 1; give QEMU "
         "disable-legacy=on (PCI) or -global virtio-mmio.force-legacy=false"}));
  }
  uint64_t agreed = offered & (wanted | feature::kVersion1);
  AcceptFeatures(agreed);
  constexpr uint8_t kSettled =
      status::kAcknowledge | status::kDriver | status::kFeaturesOk;
  SetStatus(kSettled);
  if ((Status() & status::kFeaturesOk) == 0) {
    SetStatus(status::kFailed);
    throw std::runtime_error(
        Concat({Name(), ": the device refuses our features"}));
  }
  return agreed;
}

void Transport::MarkReady() { SetStatus(Status() | status::kDriverOk); }

void Transport::Fail() {
  if (failed_.exchange(true)) return;
  Reset();
  SetStatus(status::kFailed);
}

void Transport::ReadConfig(size_t offset, std::span<std::byte> to) {
  uint32_t before;
  uint32_t after = ConfigGeneration();
  // A device that changes its configuration without end must not hold us.
  constexpr int kTries = 16;
  int tries = 0;
  do {
    before = after;
    for (size_t i = 0; i < to.size(); ++i) {
      to[i] = std::byte{ConfigByte(offset + i)};
    }
    after = ConfigGeneration();
  } while (after != before && ++tries < kTries);
}

}  // namespace ebbrt::virtio
