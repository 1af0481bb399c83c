// Rcu: read-copy-update, whose readers are events.
//
// A reader follows pointers to what cores share with no lock and no atomic
// instruction. Who changes it makes another version, puts that in its place
// with one store, and retires the old one, which some core may still be looking
// at. It is given back after a grace period: when every core has been between
// two events since. As events run to completion, that is all: a reader has
// nothing to announce, but it must not block between finding an object and its
// last look at it.
//
//   std::atomic<Route*> route;                     // release, acquire: moves
//   ...
//   Route* old = route.exchange(made.release());   // writers agree by a lock
//   rcu->Retire(old->retired, &Route::Free, sizeof(Route));
//
// A core that runs for long without ending an event holds back what all have
// retired, so that memory comes back later. And where it comes back in bursts,
// an allocator's lists of free objects run over and then empty: so each object
// that is retired has one reclaimed whose grace period is over.
#pragma once

#include <atomic>
#include <cstddef>

#include "common/base_ebbs.h"
#include "common/ebb_ref.h"
#include "common/per_core_ebb.h"
#include "common/timer.h"
#include "platform/clock.h"

namespace ebbrt {

namespace detail {
struct NothingShared {};
}  // namespace detail

/// A core's representative has what that core retired. Its first use makes it,
/// which may throw std::bad_alloc and block: who retires where neither may be
/// has each core take `rcu.Rep()` before.
class Rcu : public PerCoreEbb<Rcu, detail::NothingShared> {
 public:
  /// Room in an object for the time after it was retired; nobody else's then.
  struct Retired {
    Retired* next;
    void (*reclaim)(Retired&);
  };

  explicit Rcu(detail::NothingShared&);

  /// Calls reclaim(object) on this core when no event runs any more that may
  /// have found the object; if there is one core, at once: who retires an
  /// object doesn't look at it again. Nobody can find it from now on. `bytes`
  /// are what it holds of memory: much of it makes haste. May reclaim another
  /// object. But for the first use (above) it doesn't fail and allocates
  /// nothing. In an event, with no lock held.
  void Retire(Retired& object, void (*reclaim)(Retired&), size_t bytes);

 private:
  void RetireForAll(Retired& object, void (*reclaim)(Retired&), size_t bytes);
  void ReclaimOne();
  void ReclaimAll();
  void Step();
  void Ask();

  // Retired, and not yet of a round, newest first.
  Retired* fresh_ = nullptr;
  size_t fresh_bytes_ = 0;
  size_t pressure_ = 0;    // what of them came since a step was asked for
  Clock::time_point due_;  // when a round begins for them at the latest

  // The round: what waits for the other cores, and how far it is.
  Retired* waiting_ = nullptr;
  size_t waiting_bytes_ = 0;
  size_t asked_ = 0;
  std::atomic<size_t> passed_{0};

  Retired* over_ = nullptr;  // to be reclaimed: their round is over

  Timer timer_;
};

inline constexpr EbbRef<Rcu> rcu{kRcuId};

}  // namespace ebbrt
