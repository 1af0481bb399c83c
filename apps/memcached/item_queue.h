// ItemQueue: a segment's items, the most recent ones in front.
#pragma once

#include <boost/intrusive/list.hpp>

#include "apps/memcached/item.h"

namespace ebbrt::memcached {

/// Owns nothing. Under its shard's lock.
class ItemQueue {
 public:
  void PushFront(Item& item) { list_.push_front(item); }
  void PushBack(Item& item) { list_.push_back(item); }
  void Remove(Item& item) { list_.erase(list_.iterator_to(item)); }
  /// Puts `item` where `old` is.
  void Replace(Item& old, Item& item) {
    list_.insert(list_.iterator_to(old), item);
    Remove(old);
  }
  bool Empty() const { return list_.empty(); }
  size_t Size() const { return list_.size(); }
  /// The one that nobody has read for longest. Not Empty().
  Item& Back() { return list_.back(); }
  const Item& Back() const { return list_.back(); }

 private:
  boost::intrusive::list<
      Item, boost::intrusive::member_hook<Item, Item::Place, &Item::place_>>
      list_;
};

}  // namespace ebbrt::memcached
