// LocalIdMap: from an Ebb's id to what this node keeps of it, its root.
//
// The slow half of a miss: the first core that needs an Ebb makes its root
// here, the others find it. Fault handlers use it through the policy base
// classes (shared_ebb.h, per_core_ebb.h); the race between two first callers is
// decided in this one place.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "common/base_ebbs.h"
#include "common/ebb_ref.h"
#include "common/event_manager.h"
#include "common/move_function.h"
#include "common/spin_lock.h"

namespace ebbrt {

/// One representative per node. All members in events, on any core.
class LocalIdMap {
 public:
  using Root = std::shared_ptr<void>;

  static LocalIdMap& HandleFault(EbbId id);

  /// The root of `id`. If there is none, the first caller makes it with
  /// `make`, which may block and may throw (the error is the caller's, the next
  /// caller tries again); callers that come meanwhile block until it is done.
  Root FindOrMake(EbbId id, MoveFunction<Root()> make);

  /// The root of `id`, null if there is none or it is still being made.
  Root Find(EbbId id);

  /// Sets the root of an id that has none. Throws std::logic_error else.
  void Insert(EbbId id, Root root);

  /// Forgets the root of `id`; the last holder destroys it. Whether there was
  /// one. Cached references are the caller's to end first.
  bool Erase(EbbId id);

 private:
  struct Entry {
    Root root;  // null while it is being made
    std::vector<EventContext*> waiting;
  };

  /// Ends the making of `id`: with a root, or without (the entry goes).
  void Made(EbbId id, Root root);

  SpinLock lock_;
  std::unordered_map<EbbId, Entry> entries_;  // guarded by lock_
};

inline constexpr EbbRef<LocalIdMap> local_id_map{kLocalIdMapId};

}  // namespace ebbrt
