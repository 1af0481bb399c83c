// LocalIdMap: from an Ebb's id to what this node keeps of it, its root.
//
// The slow half of a miss: the first core that needs an Ebb makes its root
// here, the others find it. Fault handlers use it through the policy base
// classes (shared_ebb.h, per_core_ebb.h); the race between two first callers is
// decided in this one place.
#pragma once

#include <memory>
#include <mutex>
#include <stdexcept>
#include <unordered_map>
#include <vector>

#include "common/base_ebbs.h"
#include "common/ebb_ref.h"
#include "common/event_manager.h"
#include "common/move_function.h"
#include "common/spin_lock.h"

namespace ebbrt {

/// A call on an Ebb that is being destroyed, or that its home doesn't have (any
/// more).
class EbbDestroyed : public std::logic_error {
 public:
  explicit EbbDestroyed(EbbId id);
};

/// One representative per node. All members in events, on any core.
class LocalIdMap {
 public:
  using Root = std::shared_ptr<void>;
  /// Names a type of Ebb, so that an id that is used for another is found out:
  /// TypeOf<T>().
  using Type = const void*;
  template <typename T>
  static Type TypeOf() {
    static constexpr char kTag = 0;
    return &kTag;
  }

  static LocalIdMap& HandleFault(EbbId id);

  /// The root of `id`. If there is none, the first caller makes it with
  /// `make`, which may block and may throw (the error is the caller's, the next
  /// caller tries again); callers that come meanwhile block until it is done.
  /// Throws EbbDestroyed once the id is retired, and when it is free;
  /// std::logic_error when it is an Ebb's of another type.
  Root FindOrMake(EbbId id, Type type, MoveFunction<Root()> make);

  /// The root of `id`, null if there is none, it is still being made or it is
  /// retired.
  Root Find(EbbId id);

  /// How many ids have a root, or are getting one.
  size_t Size() {
    std::lock_guard guard(lock_);
    return entries_.size();
  }

  /// Sets the root of an id that has none. Throws std::logic_error else.
  [[gnu::cold]] void Insert(EbbId id, Type type, Root root);

  /// Throws std::logic_error if `id` is an Ebb's of another type.
  void CheckType(EbbId id, Type type);

  /// Lets nobody find the root of `id` any more, until Erase. Gives it, null if
  /// there is none (then nothing is retired). Blocks while it is being made.
  /// Throws EbbDestroyed if somebody has retired it before.
  [[gnu::cold]] Root Retire(EbbId id);

  /// Forgets the root of `id`; the last holder destroys it. Whether there was
  /// one. Cached references are the caller's to end first.
  [[gnu::cold]] bool Erase(EbbId id);

 private:
  struct Entry {
    Type type = nullptr;
    Root root;  // null while it is being made
    bool retired = false;
    std::vector<EventContext*> waiting;
  };

  static void CheckType(EbbId id, const Entry& entry, Type type);
  /// Adds the current event to those that wait for the making of `entry` to
  /// end, and blocks. `guard` holds lock_ and gives it back.
  [[gnu::cold]] void AwaitMaking(Entry& entry,
                                 std::unique_lock<SpinLock> guard);
  /// Ends the making of `id`: with a root, or without (the entry goes).
  void Made(EbbId id, Root root);

  SpinLock lock_;
  std::unordered_map<EbbId, Entry> entries_;  // guarded by lock_
};

inline constexpr EbbRef<LocalIdMap> local_id_map{kLocalIdMapId};

}  // namespace ebbrt
