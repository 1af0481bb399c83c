// Where this machine has its network device.
#pragma once

#include <memory>

#include "native/virtio/transport.h"

namespace ebbrt::network {

/// The machine's first virtio network device: of those the command line names
/// (virtio_mmio.device=), then of the PCI bus; null if there is none. What is
/// there but cannot be used is said on the console and passed over. Its
/// interrupts will come to the calling core. Once.
std::unique_ptr<virtio::Transport> FindNetworkDevice();

}  // namespace ebbrt::network
