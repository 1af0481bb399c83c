#include "common/local_id_map.h"

#include <mutex>
#include <stdexcept>
#include <string>

#include "common/concat.h"
#include "common/event_manager.h"

namespace ebbrt {

LocalIdMap& LocalIdMap::HandleFault(EbbId id) {
  static LocalIdMap* map = new LocalIdMap;  // lives as long as the node
  CacheRep(id, map);
  return *map;
}

LocalIdMap::Root LocalIdMap::FindOrMake(EbbId id, MoveFunction<Root()> make) {
  for (;;) {
    event_manager->ReserveStack();
    EventContext context;
    {
      std::lock_guard guard(lock_);
      auto [place, is_new] = entries_.try_emplace(id);
      if (is_new) break;
      if (place->second.root != nullptr) return place->second.root;
      place->second.waiting.push_back(&context);
    }
    event_manager->SaveContext(context);
  }
  try {
    Root root = make();
    Made(id, root);
    return root;
  } catch (...) {
    Made(id, nullptr);
    throw;
  }
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
  return place == entries_.end() ? nullptr : place->second.root;
}

void LocalIdMap::Insert(EbbId id, Root root) {
  std::lock_guard guard(lock_);
  if (!entries_.try_emplace(id, Entry{std::move(root), {}}).second) {
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
