// SharedEbb<T>: the Ebb shape with one representative per node, for all cores.
//
//   class Counter : public SharedEbb<Counter> {
//    public:
//     void Add() { count_.fetch_add(1); }       // several cores call
//    private:
//     std::atomic<int> count_{0};
//   };
//   inline constexpr EbbRef<Counter> counter{ApplicationEbbId(1)};
//   ...
//   counter->Add();      // the first call anywhere on the node makes it
#pragma once

#include <memory>
#include <utility>

#include "common/ebb_allocator.h"
#include "common/ebb_end.h"
#include "common/ebb_ref.h"
#include "common/local_id_map.h"

namespace ebbrt {

/// T is default-constructible or constructible from its EbbId; its constructor
/// may block (callers on other cores wait) and may throw (the call throws).
template <typename T>
class SharedEbb : public std::enable_shared_from_this<T> {
 public:
  static T& HandleFault(EbbId id) {
    auto root = local_id_map->FindOrMake(
        id, LocalIdMap::TypeOf<T>(), [id]() -> LocalIdMap::Root {
          if constexpr (std::is_constructible_v<T, EbbId>) {
            return std::make_shared<T>(id);
          } else {
            return std::make_shared<T>();
          }
        });
    T* rep = static_cast<T*>(root.get());
    CacheRep(id, rep);
    return *rep;
  }

  /// Makes a new Ebb whose representative on this node is T(id, args...), or
  /// T(args...) if T doesn't ask for its id.
  template <typename... Args>
  static EbbRef<T> Create(Args&&... args) {
    return EbbRef<T>(detail::MakeEbb(
        LocalIdMap::TypeOf<T>(), [&](EbbId id) -> LocalIdMap::Root {
          if constexpr (std::is_constructible_v<T, EbbId, Args...>) {
            return std::make_shared<T>(id, std::forward<Args>(args)...);
          } else {
            return std::make_shared<T>(std::forward<Args>(args)...);
          }
        }));
  }

  /// Ends the Ebb on this node: later calls throw EbbDestroyed or, if its id is
  /// fixed or another node's, make another. What began before goes on. Ready
  /// when no core refers to it any more; the id, if this node allocated it, is
  /// then free for another Ebb: no reference to it may be used again, and where
  /// other nodes have representatives of it, those must have ended before. In
  /// an event, on any core. ebb_end.h says how.
  static Future<> Destroy(EbbRef<T> ebb) {
    return detail::EndOnThisNode(ebb.Id());
  }

 protected:
  /// Keeps this representative for as long as the pointer is kept. For methods
  /// that block: the Ebb may be destroyed meanwhile.
  std::shared_ptr<T> Alive() { return this->shared_from_this(); }
};

}  // namespace ebbrt
