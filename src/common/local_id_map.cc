#include "common/local_id_map.h"

#include <mutex>
#include <stdexcept>
#include <string>

#include "common/concat.h"
#include "common/ebb_allocator.h"
#include "common/event_manager.h"

namespace ebbrt {

EbbDestroyed::EbbDestroyed(EbbId id)
    : std::logic_error(Concat(
          {"Ebb ", id, " is destroyed, or was never made on this node"})) {}

LocalIdMap& LocalIdMap::HandleFault(EbbId id) {
  static LocalIdMap* map = new LocalIdMap;  // lives as long as the node
  CacheRep(id, map);
  return *map;
}

LocalIdMap::Root LocalIdMap::FindOrMake(EbbId id, Type type,
                                        MoveFunction<Root()> make) {
  for (;;) {
    event_manager->ReserveStack();
    std::unique_lock guard(lock_);
    auto [place, is_new] = entries_.try_emplace(id);
    Entry& entry = place->second;
    if (is_new) {
      entry.type = type;
      break;
    }
    CheckType(id, entry, type);
    if (entry.retired) throw EbbDestroyed(id);
    if (entry.root != nullptr) return entry.root;
    AwaitMaking(entry, std::move(guard));
  }
  Root root;
  try {
    // Not before it is in the map: an id can't be freed as long as it is there.
    if (ebb_allocator->IsFree(id)) throw EbbDestroyed(id);
    root = make();
  } catch (...) {
    Made(id, nullptr);
    throw;
  }
  Made(id, root);
  return root;
}

void LocalIdMap::CheckType(EbbId id, const Entry& entry, Type type) {
  if (entry.type != type) {
    throw std::logic_error(Concat({"Ebb ", id, " is of another type"}));
  }
}

void LocalIdMap::CheckType(EbbId id, Type type) {
  std::lock_guard guard(lock_);
  auto place = entries_.find(id);
  if (place != entries_.end()) CheckType(id, place->second, type);
}

void LocalIdMap::AwaitMaking(Entry& entry, std::unique_lock<SpinLock> guard) {
  EventContext context;
  entry.waiting.push_back(&context);
  guard.unlock();
  event_manager->SaveContext(context);
}

void LocalIdMap::Made(EbbId id, Root root) {
  std::vector<EventContext*> waiting;
  {
    std::lock_guard guard(lock_);
    auto place = entries_.find(id);
    waiting.swap(place->second.waiting);
    if (root != nullptr) {
      place->second.root = std::move(root);
    } else {
      entries_.erase(place);
    }
  }
  for (EventContext* context : waiting) {
    EventManager::ActivateContext(*context);
  }
}

LocalIdMap::Root LocalIdMap::Find(EbbId id) {
  std::lock_guard guard(lock_);
  auto place = entries_.find(id);
  if (place == entries_.end() || place->second.retired) return nullptr;
  return place->second.root;
}

LocalIdMap::Root LocalIdMap::Retire(EbbId id) {
  for (;;) {
    event_manager->ReserveStack();
    std::unique_lock guard(lock_);
    auto place = entries_.find(id);
    if (place == entries_.end()) return nullptr;
    Entry& entry = place->second;
    if (entry.retired) throw EbbDestroyed(id);
    if (entry.root != nullptr) {
      entry.retired = true;
      return entry.root;
    }
    AwaitMaking(entry, std::move(guard));
  }
}

void LocalIdMap::Insert(EbbId id, Type type, Root root) {
  std::lock_guard guard(lock_);
  if (!entries_.try_emplace(id, Entry{type, std::move(root), false, {}})
           .second) {
    throw std::logic_error(
        Concat({"Ebb ", id, " has a root on this node already"}));
  }
}

bool LocalIdMap::Erase(EbbId id) {
  Root root;  // destroyed after the lock is given back
  std::lock_guard guard(lock_);
  auto place = entries_.find(id);
  if (place == entries_.end() || place->second.root == nullptr) return false;
  root = std::move(place->second.root);
  entries_.erase(place);
  return true;
}

}  // namespace ebbrt
