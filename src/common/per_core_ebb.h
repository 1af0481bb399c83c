// PerCoreEbb<T, Root>: the Ebb shape with one representative per core, around a
// root that all cores of the node share.
//
//   struct Totals { std::atomic<int> all{0}; };
//   class Counter : public PerCoreEbb<Counter, Totals> {
//    public:
//     explicit Counter(Totals& totals) : totals_(totals) {}
//     void Add() { ++mine_; }                    // this core's alone: no lock
//     ...
//   };
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "common/ebb_allocator.h"
#include "common/ebb_ref.h"
#include "common/local_id_map.h"
#include "platform/core.h"

namespace ebbrt {

/// T is constructible from Root&; both are made on first use, T on the core
/// that calls. Constructors may block and may throw.
template <typename T, typename Root>
class PerCoreEbb {
 public:
  static T& HandleFault(EbbId id) {
    auto shared = std::static_pointer_cast<Shared>(local_id_map->FindOrMake(
        id, []() -> LocalIdMap::Root { return std::make_shared<Shared>(); }));
    // A core's slot is its own. Two events of the core may come here when T's
    // constructor blocks; the first to finish wins.
    auto& slot = shared->representatives[platform::CurrentCore()];
    if (slot == nullptr) {
      auto rep = std::make_unique<T>(shared->root);
      if (slot == nullptr) slot = std::move(rep);
    }
    CacheRep(id, slot.get());
    return *slot;
  }

  /// Makes a new Ebb with the root Root(args...).
  template <typename... Args>
  static EbbRef<T> Create(Args&&... args) {
    EbbId id = ebb_allocator->Allocate();
    local_id_map->Insert(id,
                         std::make_shared<Shared>(std::forward<Args>(args)...));
    return EbbRef<T>(id);
  }

 private:
  struct Shared {
    template <typename... Args>
    explicit Shared(Args&&... args)
        : root(std::forward<Args>(args)...),
          representatives(platform::CoreCount()) {}
    Root root;
    std::vector<std::unique_ptr<T>> representatives;  // by core
  };
};

}  // namespace ebbrt
