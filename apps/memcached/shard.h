// Shard: the part of the store that has a share of the keys, by their hash.
//
// Whoever changes it holds its lock, for one operation, which may allocate,
// copy a value that grows, or walk over all items once they have doubled: there
// are so many shards that others rarely wait for that. Readers take none and
// may be looking at what is taken out, which the Removed of an operation gives
// back when the lock is free again.
//
// Memory. Items and the table together hold at most the limit given. What is
// over it is evicted, from the cold end of a segmented LRU like memcached's:
// new items are hot; from the end of "hot" and "warm" those that were read
// again go to warm, the others to cold, so that one pass over many keys doesn't
// push out what is in use. A read sets a bit and moves nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "apps/memcached/item.h"
#include "apps/memcached/item_queue.h"
#include "apps/memcached/item_table.h"
#include "apps/memcached/store_types.h"
#include "common/relaxed.h"
#include "common/spin_lock.h"

namespace ebbrt::memcached {

/// What an operation takes out. Declared before the lock is taken.
class Removed {
 public:
  Removed() = default;
  ~Removed();
  Removed(const Removed&) = delete;
  Removed& operator=(const Removed&) = delete;

  /// An item that nobody finds any more.
  void Add(Item& item) { items_.PushBack(item); }
  void Add(ItemTable::Replaced buckets) { buckets_ = std::move(buckets); }

 private:
  ItemQueue items_;
  ItemTable::Replaced buckets_;
};

/// On lines of its own.
class alignas(64) Shard : public StoreTypes {
 public:
  /// A key and its hash, of which the shard uses the lower half.
  struct Key {
    std::string_view text;
    uint64_t hash;
    uint32_t InShard() const { return static_cast<uint32_t>(hash); }
  };

  /// The changes' numbers are `first_cas`, and from there every `step`th.
  Shard(uint64_t first_cas, uint64_t step)
      : last_cas_(first_cas), cas_step_(step) {}
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;

  /// The key's item, or null: valid until the event ends, blocks or changes
  /// something. One that has ended is taken out on the way. In an event, with
  /// no lock.
  const Item* Look(const Key& key, Time now) {
    Item* item = table_.Find(key.text, key.InShard());
    if (item == nullptr) return nullptr;
    if (now >= flush_at_.Load() || HasEnded(*item, now)) [[unlikely]]
      return LookAgain(key, now);
    return item;
  }
  /// That `item` was read. Any core.
  static void Mark(const Item& item, Time now);

  // --- with the lock held ----------------------------------------------------
  SpinLock& Lock() { return lock_; }

  void SetLimits(const Limits& limits) { limits_ = limits; }
  /// As Look, for changes.
  Item* Find(const Key& key, Time now, Removed& removed);

  // As Store has them.
  struct Inserted : Result {
    Item* item = nullptr;
  };
  Inserted Insert(Put& put, const Key& key, Time now, Removed& removed);
  void Refuse(const Key& key, bool unlinks, Refusal why, Time now,
              Removed& removed);
  struct Sum {
    Outcome outcome;
    Item* item = nullptr;
    uint64_t number = 0;
  };
  Sum Add(const Key& key, const Delta& delta, Time now, Removed& removed);
  Outcome Delete(const Key& key, Cas cas, Time now, Removed& removed);
  Outcome MarkStale(const Key& key, Cas cas, std::optional<Time> deadline,
                    Time now, Removed& removed);
  void Flush(Time when, Time now);
  bool EvictOne(Time now, Removed& removed);
  void CountFlush() { ++counters_.cmd_flush; }
  bool SetAside(size_t bytes, Time now, Removed& removed);
  void GiveBack(size_t bytes) { set_aside_ -= bytes; }
  /// Looks at the next `buckets`.
  void Sweep(size_t buckets, Time now, Removed& removed);

  size_t MemoryUsed() const { return bytes_[0] + bytes_[1] + bytes_[2]; }
  /// Adds what this shard has.
  void AddTo(Report& report, Time now) const;
  void ResetCounters() { counters_ = {}; }

 private:
  struct Verdict {
    Outcome outcome;
    bool stale = false;  ///< it is stored, and marked so
  };

  const Item* LookAgain(const Key& key, Time now);
  bool HasEnded(const Item& item, Time now) const {
    return item.deadline.Load() <= now || IsFlushed(item);
  }
  bool IsFlushed(const Item& item) const {
    return item.cas.Load() <= flushed_cas_.Load();
  }
  void FlushIfDue(Time now);
  uint64_t NextCas() { return last_cas_ += cas_step_; }
  Verdict Judge(const Put& put, const Item* old);
  Item::Pointer Extend(const Put& put, const Item& old) const;
  Item& TakePlace(Item::Pointer item, Item& old, Time now, Removed& removed);
  Item& Link(Item::Pointer item, Item* old, const Key& key, Segment segment,
             Time now, Removed& removed);
  void LeaveQueue(Item& item);
  void Remove(Item& item, Removed& removed);
  void Move(Item& item, Segment to);
  size_t Used() const;
  void Settle();
  bool WillFit(size_t bytes, const Item* old, Time now, Removed& removed);
  void MakeRoom(size_t bytes, Time now, Removed& removed);
  void GrowIfFull(Removed& removed);

  ItemQueue& QueueOf(Segment segment) { return queues_[size_t(segment)]; }
  size_t& BytesOf(Segment segment) { return bytes_[size_t(segment)]; }

  // What readers look at, and changes of items don't write to.
  ItemTable table_;
  Relaxed<Time> flush_at_ = Time::max();
  Relaxed<uint64_t> flushed_cas_ = 0;  // items up to it are gone
  Limits limits_;

  alignas(64) SpinLock lock_;
  std::array<ItemQueue, kSegments> queues_;
  std::array<size_t, kSegments> bytes_{};
  size_t items_ = 0;
  size_t set_aside_ = 0;
  uint64_t last_cas_;
  const uint64_t cas_step_;
  size_t swept_ = 0;
  StoreCounters counters_;
};

}  // namespace ebbrt::memcached
