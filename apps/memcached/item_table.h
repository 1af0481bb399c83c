// ItemTable: items by key, for readers that take no lock.
//
// Buckets of chains. An item has two links, and a table of twice the buckets is
// built with the links that the present one does not use, so readers in the old
// one see its chains as they were. The next growth waits until the last of them
// has ended. To grow is the one change that takes long: while all items get
// their other link, who wants to change something waits.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "apps/memcached/item.h"

namespace ebbrt::memcached {

class ItemTable {
  struct Buckets;

 public:
  struct FreeBuckets {
    void operator()(Buckets* buckets) const;
  };
  using Replaced = std::unique_ptr<Buckets, FreeBuckets>;

  /// Throws std::bad_alloc.
  ItemTable();
  /// Frees the items that are left. Nobody reads any more.
  ~ItemTable();
  ItemTable(const ItemTable&) = delete;
  ItemTable& operator=(const ItemTable&) = delete;

  /// The key's item, or null: valid until the event ends, blocks or retires it.
  /// `hash` is the key's. Any core, in an event, also while somebody changes
  /// the table.
  Item* Find(std::string_view key, uint32_t hash) const {
    const Buckets& buckets = *buckets_.load(std::memory_order_acquire);
    for (Item* item = buckets.At(hash).load(std::memory_order_acquire);
         item != nullptr;
         item = item->next_[buckets.way].load(std::memory_order_acquire)) {
      if (item->hash_ == hash && item->Key() == key) return item;
    }
    return nullptr;
  }

  // --- by one at a time ------------------------------------------------------
  /// `item` is not in a table, and no other has its key.
  void Insert(Item& item, uint32_t hash);
  /// Puts `item` in the place of `old`, which has the same key: a reader finds
  /// one of them. `old` is then to be retired.
  void Replace(Item& old, Item& item);
  /// Nobody finds `item` any more. It is then to be retired.
  void Erase(Item& item);

  /// Doubles the buckets, which walks over all items. Gives the old ones, to be
  /// retired; null: there is no memory for it, or somebody may still read what
  /// the last growth has replaced.
  Replaced Grow();

  /// Gives back what Grow has replaced when nobody reads it any more. In an
  /// event, with no lock held.
  static void Retire(Replaced buckets);

  size_t BucketCount() const {
    return buckets_.load(std::memory_order_relaxed)->mask + 1;
  }
  /// What its buckets take of memory.
  size_t Bytes() const { return BucketCount() * sizeof(std::atomic<Item*>); }

  /// Calls see(Item&) for each in a bucket < BucketCount(); it may erase that.
  template <typename F>
  void ForEachIn(size_t bucket, F see) {
    const Buckets& buckets = *buckets_.load(std::memory_order_relaxed);
    Item* item = buckets.At(bucket).load(std::memory_order_relaxed);
    while (item != nullptr) {
      Item* next = item->next_[buckets.way].load(std::memory_order_relaxed);
      see(*item);
      item = next;
    }
  }

 private:
  /// And behind it the heads of the chains.
  struct Buckets {
    std::atomic<Item*>& At(size_t hash) const {
      auto* heads =
          reinterpret_cast<std::atomic<Item*>*>(const_cast<Buckets*>(this) + 1);
      return heads[hash & mask];
    }

    size_t mask;
    size_t way;  // which of the items' links
    std::shared_ptr<std::atomic<bool>> read =
        std::make_shared<std::atomic<bool>>(true);
    Rcu::Retired retired{};
  };

  static Replaced Make(size_t count, size_t way);
  std::atomic<Item*>& LinkTo(Item& item) const;

  std::atomic<Buckets*> buckets_;
  // Whether somebody may still read what the last growth has replaced.
  std::shared_ptr<std::atomic<bool>> replaced_;
};

}  // namespace ebbrt::memcached
