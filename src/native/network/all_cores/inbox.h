// Inbox: frames that other cores have for this one.
//
// Any core puts frames in; the owner takes all that are there at once. Whoever
// puts the first one into an empty inbox is told so, and makes one event for
// the owner, which takes that frame and all that come until it runs: there is
// an event on its way whenever there is a frame, and one for many.
//
// Frames are dropped while kLimit wait, as by a full ring.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <utility>

#include "common/iobuf.h"
#include "native/virtio/net_device.h"

namespace ebbrt::network {

class Inbox {
 public:
  static constexpr size_t kLimit = 4096;

  struct Parcel {
    std::unique_ptr<IOBuf> frame;
    virtio::ReceivedChecksum checksum;
    unsigned passed_on = 0;  ///< so many cores did not want it
    Parcel* next = nullptr;  ///< the inbox's
  };

  Inbox() = default;
  ~Inbox() { Clear(); }
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  /// True: the inbox was empty, and the owner must be told. Any core.
  [[nodiscard]] bool Put(std::unique_ptr<Parcel> parcel) {
    if (waiting_.fetch_add(1, std::memory_order_relaxed) >= kLimit) {
      waiting_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    Parcel* added = parcel.release();
    Parcel* newest = newest_.load(std::memory_order_relaxed);
    do {
      added->next = newest;
    } while (!newest_.compare_exchange_weak(
        newest, added, std::memory_order_release, std::memory_order_relaxed));
    return newest == nullptr;
  }

  /// Calls visit(Parcel&) for all that wait, the oldest first, and drops them.
  /// `visit` doesn't throw. The owner.
  template <typename F>
  void TakeAll(F visit) {
    Parcel* newest = newest_.exchange(nullptr, std::memory_order_acquire);
    Parcel* oldest = nullptr;
    while (newest != nullptr) {
      Parcel* older = std::exchange(newest->next, oldest);
      oldest = std::exchange(newest, older);
    }
    while (oldest != nullptr) {
      std::unique_ptr<Parcel> parcel(std::exchange(oldest, oldest->next));
      waiting_.fetch_sub(1, std::memory_order_relaxed);
      visit(*parcel);
    }
  }

  /// Drops all that wait. Any core: one that could not tell the owner must, or
  /// nobody would again.
  void Clear() {
    TakeAll([](Parcel&) {});
  }

 private:
  std::atomic<Parcel*> newest_{nullptr};
  std::atomic<size_t> waiting_{0};
};

}  // namespace ebbrt::network
