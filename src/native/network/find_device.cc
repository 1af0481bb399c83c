#include "native/network/find_device.h"

#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/concat.h"
#include "native/interrupt.h"
#include "native/paging.h"
#include "native/pci/config_space.h"
#include "native/pci/device.h"
#include "native/platform_info.h"
#include "native/virtio/mmio_transport.h"
#include "native/virtio/pci_transport.h"
#include "platform/core.h"
#include "platform/log.h"

namespace ebbrt::network {
namespace {

using virtio::DeviceType;
using virtio::MmioTransport;
using virtio::PciTransport;

void SayUnusable(const std::exception& why) {
  platform::WriteConsole(Concat({"ebbrt: ", why.what(), "\n"}));
}

// --- MMIO
// ----------------------------------------------------------------------

std::unique_ptr<virtio::Transport> TryMmio(const VirtioMmioDevice& place) {
  auto* registers = static_cast<volatile virtio::MmioRegisters*>(
      MapDevice(place.address, place.size));
  auto bind = [irq = place.irq](std::function<void()> handler) {
    auto vector = interrupt::AllocateVector(std::move(handler));
    interrupt::RouteIoApic(Platform().LineOf(irq), vector,
                           platform::CurrentCore());
  };
  auto transport =
      std::make_unique<MmioTransport>(registers, place.address, bind);
  if (transport->Type() != DeviceType::kNetwork) return nullptr;
  return transport;
}

std::unique_ptr<virtio::Transport> FindMmio() {
  for (const VirtioMmioDevice& place : Platform().virtio_mmio) {
    try {
      if (auto transport = TryMmio(place)) return transport;
    } catch (const std::runtime_error& error) {
      SayUnusable(error);
    }
  }
  return nullptr;
}

// --- PCI
// -----------------------------------------------------------------------

std::unique_ptr<pci::ConfigSpace> OpenConfigSpace() {
  const auto& ecam = Platform().ecam;
  if (!ecam) return std::make_unique<pci::PortConfigSpace>();
  size_t busses = ecam->last_bus - ecam->first_bus + size_t{1};
  uint64_t begin = ecam->address + (uint64_t{ecam->first_bus} << 20);
  return std::make_unique<pci::EcamConfigSpace>(
      MapDevice(begin, busses << 20), ecam->first_bus, ecam->last_bus);
}

PciTransport::Message BindMessage(std::function<void()> handler) {
  auto vector = interrupt::AllocateVector(std::move(handler));
  auto message = interrupt::MsiFor(vector, platform::CurrentCore());
  return {message.address, message.data};
}

std::unique_ptr<virtio::Transport> FindPci() {
  // Lives as long as the devices that were found by it.
  static auto* config = OpenConfigSpace().release();
  std::unique_ptr<virtio::Transport> found;
  pci::Enumerate(*config, [&found](pci::Address address) {
    if (found != nullptr ||
        virtio::PciDeviceType(*config, address) != DeviceType::kNetwork) {
      return;
    }
    try {
      found = std::make_unique<PciTransport>(
          std::make_unique<pci::Device>(*config, address, &MapDevice),
          &BindMessage);
    } catch (const std::runtime_error& error) {
      SayUnusable(error);
    }
  });
  return found;
}

}  // namespace

std::unique_ptr<virtio::Transport> FindNetworkDevice() {
  if (auto transport = FindMmio()) return transport;
  return FindPci();
}

}  // namespace ebbrt::network
