// CoreSteering: hands frames that came to the wrong core to the right one.
//
// A core that does not want a frame passes it on to the next one, which looks
// in turn; the last one keeps it, and so somebody answers what nobody wants.
// Where a flow's frames come to its own core, as they nearly always do, nothing
// is shared and none of this runs: what a connection expects isn't even asked
// about.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "common/iobuf.h"
#include "common/types.h"
#include "native/network/all_cores/inbox.h"
#include "native/network/all_cores/lease_watch.h"
#include "native/network/stack.h"
#include "native/network/steering.h"

namespace ebbrt::network {

class CoreSteering final : public Steering {
 public:
  /// By core, 0 to the last that has a stack. Complete before any is started.
  using Team = std::vector<CoreSteering*>;

  /// For `stack`, which is this core's, one of `team`'s. Both live for ever.
  CoreSteering(Stack& stack, const Team& team);

  CoreId Core() const { return core_; }

  /// From now on. On its core.
  void Start();
  /// The stack of core 0 has this address now.
  void Follow(const Lease& lease);

  bool Redirect(std::unique_ptr<IOBuf>& frame,
                virtio::ReceivedChecksum checksum) override;
  void OnDeviceFailed() override;

 private:
  void TellOthers(const IOBuf& frame, virtio::ReceivedChecksum checksum);
  void Give(CoreSteering& other, std::unique_ptr<IOBuf> frame,
            virtio::ReceivedChecksum checksum, unsigned passed_on);
  void PassOn(std::unique_ptr<IOBuf> frame, virtio::ReceivedChecksum checksum,
              unsigned passed_on);
  void Turn();

  Stack& stack_;
  const Team& team_;
  const CoreId core_;
  bool started_ = false;
  unsigned passed_on_ = 0;  // the frame that is being received
  // Written by others; apart from what this core uses all the time.
  alignas(64) Inbox inbox_;
};

}  // namespace ebbrt::network
