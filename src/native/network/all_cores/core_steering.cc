#include "native/network/all_cores/core_steering.h"

#include <new>
#include <utility>

#include "common/event_manager.h"
#include "native/network/all_cores/concern.h"
#include "platform/core.h"

namespace ebbrt::network {
namespace {

/// Of a frame that is passed on no more.
constexpr unsigned kForGood = ~0u;

}  // namespace

CoreSteering::CoreSteering(Stack& stack, const Team& team)
    : stack_(stack), team_(team), core_(platform::CurrentCore()) {}

void CoreSteering::Start() {
  stack_.Link()->SteerBy(*this);
  started_ = true;
}

void CoreSteering::Follow(const Lease& lease) {
  netif_set_addr(stack_.Link()->Netif(), &lease.address, &lease.mask,
                 &lease.gateway);
  stack_.Link()->EndBatch();  // connections may have ended
}

bool CoreSteering::Redirect(std::unique_ptr<IOBuf>& frame,
                            virtio::ReceivedChecksum checksum) {
  if (passed_on_ == kForGood) return false;
  switch (ConcernOf(*frame, *stack_.Link()->Netif())) {
    case Concern::kThisCore:
      return false;
    case Concern::kEveryCore:
      if (!frame->IsChained()) TellOthers(*frame, checksum);
      return false;
    case Concern::kFirstCore:
      if (core_ == 0) return false;
      Give(*team_[0], std::move(frame), checksum, kForGood);
      return true;
    case Concern::kAnother:
      if (passed_on_ + 1 >= team_.size()) return false;
      PassOn(std::move(frame), checksum, passed_on_ + 1);
      return true;
    case Concern::kNobody:
      frame.reset();
      return true;
  }
  return false;
}

void CoreSteering::TellOthers(const IOBuf& frame,
                              virtio::ReceivedChecksum checksum) {
  for (CoreSteering* other : team_) {
    if (other == this) continue;
    try {
      Give(*other, CopyToLearnFrom(frame), checksum, kForGood);
    } catch (const std::bad_alloc&) {
      return;  // they ask for themselves
    }
  }
}

/// Without memory the frame is lost, as on the wire.
void CoreSteering::Give(CoreSteering& other, std::unique_ptr<IOBuf> frame,
                        virtio::ReceivedChecksum checksum, unsigned passed_on) {
  std::unique_ptr<Inbox::Parcel> parcel(
      new (std::nothrow) Inbox::Parcel{std::move(frame), checksum, passed_on});
  if (parcel == nullptr || !other.inbox_.Put(std::move(parcel))) return;
  try {
    EventManager::SpawnRemote([&other] { other.Turn(); }, other.core_);
  } catch (const std::bad_alloc&) {
    other.inbox_.Clear();
  }
}

void CoreSteering::PassOn(std::unique_ptr<IOBuf> frame,
                          virtio::ReceivedChecksum checksum,
                          unsigned passed_on) {
  Give(*team_[(core_ + 1) % team_.size()], std::move(frame), checksum,
       passed_on);
}

void CoreSteering::Turn() {
  if (!started_) {
    // Frames come to others already, perhaps for those behind this one.
    inbox_.TakeAll([this](Inbox::Parcel& parcel) {
      if (parcel.passed_on == kForGood ||
          parcel.passed_on + 1 >= team_.size()) {
        return;
      }
      PassOn(std::move(parcel.frame), parcel.checksum, parcel.passed_on + 1);
    });
    return;
  }
  Interface& link = *stack_.Link();
  // First, since lwIP sends nothing again that the device still holds.
  link.Reclaim();
  inbox_.TakeAll([this, &link](Inbox::Parcel& parcel) {
    passed_on_ = parcel.passed_on;
    link.Arrive(std::move(parcel.frame), parcel.checksum);
  });
  passed_on_ = 0;
  link.EndBatch();
}

void CoreSteering::OnDeviceFailed() {
  for (CoreSteering* other : team_) {
    if (other == this) continue;
    try {
      EventManager::SpawnRemote(
          [other] {
            other->stack_.Link()->Device().Fail("another core's queue failed");
          },
          other->core_);
    } catch (const std::bad_alloc&) {
      // It finds a device that does nothing any more.
    }
  }
}

}  // namespace ebbrt::network
