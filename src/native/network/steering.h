// Steering: which of the frames that came to this core are another's, where
// several cores share the node's address. An interface without it keeps all.
#pragma once

#include <memory>

#include "common/iobuf.h"
#include "native/virtio/net_device.h"

namespace ebbrt::network {

/// On the interface's core, in events; must not block.
class Steering {
 public:
  virtual ~Steering() = default;
  /// A frame that is not just what a connection here expects. True: it was
  /// taken, for it is another core's.
  virtual bool Redirect(std::unique_ptr<IOBuf>& frame,
                        virtio::ReceivedChecksum checksum) = 0;
  /// This core's pair of queues was stopped, and the device with it.
  virtual void OnDeviceFailed() = 0;
};

}  // namespace ebbrt::network
