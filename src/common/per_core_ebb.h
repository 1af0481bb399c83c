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
#include <type_traits>
#include <utility>
#include <vector>

#include "common/ebb_allocator.h"
#include "common/ebb_end.h"
#include "common/ebb_ref.h"
#include "common/local_id_map.h"
#include "platform/core.h"

namespace ebbrt {

/// T is constructible from Root&; both are made on first use, T on the core
/// that calls, where it also ends. A Root that isn't default-constructible is
/// made by Create only. Constructors may block and may throw.
template <typename T, typename Root>
class PerCoreEbb : public std::enable_shared_from_this<T> {
 public:
  static T& HandleFault(EbbId id) {
    auto shared = std::static_pointer_cast<Shared>(local_id_map->FindOrMake(
        id, LocalIdMap::TypeOf<T>(),
        [id]() -> LocalIdMap::Root {
          if constexpr (std::is_default_constructible_v<Root>) {
            return std::make_shared<Shared>();
          } else {
            throw EbbDestroyed(id);
          }
        }));
    // A core's slot is its own. Two events of the core may come here when T's
    // constructor blocks; the first to finish wins.
    auto& slot = shared->Mine();
    if (slot.representative == nullptr) {
      auto rep = Make(shared);
      if (slot.ended) throw EbbDestroyed(id);  // meanwhile
      if (slot.representative == nullptr) slot.representative = std::move(rep);
    }
    CacheRep(id, slot.representative.get());
    return *slot.representative;
  }

  /// Makes a new Ebb with the root Root(args...).
  template <typename... Args>
  static EbbRef<T> Create(Args&&... args) {
    return EbbRef<T>(detail::MakeEbb(
        LocalIdMap::TypeOf<T>(), [&](EbbId) -> LocalIdMap::Root {
          return std::make_shared<Shared>(std::forward<Args>(args)...);
        }));
  }

  /// As SharedEbb's. Each representative ends on its own core.
  static Future<> Destroy(EbbRef<T> ebb) {
    return detail::EndOnThisNode(ebb.Id(), [](void* root) {
      auto& slot = static_cast<Shared*>(root)->Mine();
      slot.ended = true;
      slot.representative.reset();
    });
  }

 protected:
  /// As SharedEbb's; the pointer stays on this core.
  std::shared_ptr<T> Alive() { return this->shared_from_this(); }

 private:
  struct Slot {
    std::shared_ptr<T> representative;
    bool ended = false;
  };

  struct Shared {
    template <typename... Args>
    explicit Shared(Args&&... args)
        : root(std::forward<Args>(args)...), slots(platform::CoreCount()) {}
    Slot& Mine() { return slots[platform::CurrentCore()]; }

    Root root;
    std::vector<Slot> slots;  // by core
  };

  /// A representative that keeps the root it refers to. Until Destroy, root and
  /// representative keep each other.
  static std::shared_ptr<T> Make(std::shared_ptr<Shared> shared) {
    auto rep = std::make_unique<T>(shared->root);
    return std::shared_ptr<T>(rep.release(),
                              [shared = std::move(shared)](T* ended) {
                                std::default_delete<T>()(ended);
                              });
  }
};

}  // namespace ebbrt
