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
#include "common/ebb_ref.h"
#include "common/local_id_map.h"

namespace ebbrt {

/// T is default-constructible or constructible from its EbbId; its constructor
/// may block (callers on other cores wait) and may throw (the call throws).
template <typename T>
class SharedEbb {
 public:
  static T& HandleFault(EbbId id) {
    auto root = local_id_map->FindOrMake(id, [id]() -> LocalIdMap::Root {
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

  /// Makes a new Ebb whose representative on this node is T(args...).
  template <typename... Args>
  static EbbRef<T> Create(Args&&... args) {
    EbbId id = ebb_allocator->Allocate();
    local_id_map->Insert(id, std::make_shared<T>(std::forward<Args>(args)...));
    return EbbRef<T>(id);
  }
};

}  // namespace ebbrt
