// Store: the table of items, as an Ebb that all cores use at once.
//
// Protocols call it by key and see an item only inside a visitor. To read takes
// no lock and no atomic instruction (but for the counts of a large value's
// buffers), and writes to nothing that another core reads but an item's marks,
// when they change; what a core's events may still
// be reading is kept until they have ended (common/rcu.h). To change something
// takes the lock of the key's shard (shard.h) for one operation.
//
// Time is an argument, read once per batch of requests and moved at will by
// tests. Expired items are removed when somebody asks for them, when their turn
// comes to be evicted, and by Sweep.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <type_traits>
#include <vector>

#include "apps/memcached/counts_by_core.h"
#include "apps/memcached/key_hash.h"
#include "apps/memcached/shard.h"
#include "apps/memcached/store_types.h"
#include "common/relaxed.h"
#include "common/shared_ebb.h"
#include "platform/core.h"

namespace ebbrt::memcached {

/// All members: any core, in events.
class Store : public SharedEbb<Store>, public StoreTypes {
 public:
  Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // --- before it is used -----------------------------------------------------
  /// Divides the keys, and the limits, among as many shards as `cores` cores
  /// rarely meet in, or fewer, where the largest values would fill those.
  void DivideFor(size_t cores);
  /// What would have to evict is kOutOfMemory (`-M`).
  void RefuseWhenFull();
  /// Values may be this long, also those that grow (`-I`).
  void SetValueLimit(size_t bytes);

  /// Items, table and what is set aside may hold this many bytes, at least
  /// LeastMemory(). What is above it goes when something is stored.
  void SetMemoryLimit(size_t bytes);
  /// What the shards need, so that any value fits into each.
  size_t LeastMemory() const;
  bool Evicts() const { return limits_.evicts; }
  size_t ValueLimit() const { return limits_.value; }

  /// A protocol's expiry time as a moment: 0 never, negative at once, up to 30
  /// days from `now` on in seconds, above in seconds of Unix time.
  static Time Deadline(int64_t expiration, Time now);
  /// When a flush with a delay > 0, meant likewise, takes place: as with
  /// memcached, whose clock ticks in seconds, one earlier.
  static Time FlushTime(int64_t delay, Time now) {
    return Deadline(delay, now) - std::chrono::seconds(1);
  }

  /// Calls visit(const Item&) for the key's item; false if there is none. What
  /// it sees is from before this access, and there until the event ends, blocks
  /// or changes something in the store. What other cores change meanwhile may
  /// have changed at the next look. A visitor that returns false has not
  /// accessed it: nothing is counted or marked. A touch is a Change.
  template <typename F>
  bool Visit(std::string_view key, Time now, Access access, F visit) {
    const Shard::Key hashed{key, hash_(key)};
    const Item* item = ShardOf(hashed).Look(hashed, now);
    if (item == nullptr) {
      Count(access.miss, false);
      return false;
    }
    if constexpr (std::is_void_v<std::invoke_result_t<F&, const Item&>>) {
      visit(*item);
    } else if (!visit(*item)) {
      return true;
    }
    Count(access.hit, true);
    if (access.marks) Shard::Mark(*item, now);
    return true;
  }

  /// As Visit; the visitor may change deadline and marks, and nobody else
  /// changes anything meanwhile. It must not block nor call the store.
  template <typename F>
  bool Change(std::string_view key, Time now, Access access, F visit) {
    return Locked(key, [&](Shard& shard, auto& hashed, Removed& removed) {
      Item* item = shard.Find(hashed, now, removed);
      Count(item != nullptr ? access.hit : access.miss, item != nullptr);
      if (item == nullptr) return false;
      visit(*item);
      if (access.marks) Shard::Mark(*item, now);
      return true;
    });
  }

  /// Stores, or says why not. A kSet that finds no room also ends what it was
  /// to replace, so that nobody goes on reading it; after any other mode that
  /// is as before. Who reads meanwhile finds the old item or the new one.
  Result Insert(Put put, Time now);
  /// The same, and a Change of what it has stored, before anybody else's.
  template <typename F>
  Result Insert(Put put, Time now, Access access, F visit) {
    return Locked(put.item->Key(),
                  [&](Shard& shard, auto& hashed, Removed& removed) -> Result {
                    auto result = shard.Insert(put, hashed, now, removed);
                    if (result.outcome == Outcome::kDone) {
                      Count(access.hit, true);
                      visit(*result.item);
                      if (access.marks) Shard::Mark(*result.item, now);
                    }
                    return result;
                  });
  }
  /// Counts a value that is not stored, and ends the key's item if asked, so
  /// that nobody goes on reading it.
  void Refuse(std::string_view key, bool unlinks, Refusal why, Time now);

  /// Adds to, or takes from, a decimal number, which wraps at 2^64 or stops at
  /// 0; then calls visit(Item&, uint64_t number) as Change does. A number that
  /// gets shorter is padded with spaces, as memcached does.
  template <typename F>
  Outcome Add(std::string_view key, const Delta& delta, Time now, F visit) {
    return Locked(key, [&](Shard& shard, auto& hashed, Removed& removed) {
      auto sum = shard.Add(hashed, delta, now, removed);
      if (sum.outcome == Outcome::kDone) visit(*sum.item, sum.number);
      return sum.outcome;
    });
  }

  /// Removes.
  Outcome Delete(std::string_view key, Cas cas, Time now);
  /// Instead of removing: marks it stale, gives it another CAS and, if given, a
  /// deadline.
  Outcome MarkStale(std::string_view key, Cas cas, std::optional<Time> deadline,
                    Time now);

  /// From `when` on, what was stored before then is gone.
  void Flush(Time when, Time now);

  /// Evicts at least `bytes`, if there are as many, for who finds the machine's
  /// memory exhausted. False: none of it is free for others yet.
  bool Evict(size_t bytes, Time now);

  /// Where SetAside has counted.
  using Place = size_t;
  /// Counts memory that others than items hold, evicting for it; none where
  /// that finds no room.
  std::optional<Place> SetAside(size_t bytes, Time now);
  /// What SetAside has counted there is free again.
  void GiveBack(Place place, size_t bytes);

  /// Looks at `buckets` more of the table and removes what has expired there.
  void Sweep(size_t buckets, Time now);

  size_t Buckets() const;
  size_t ItemCount() const;
  size_t MemoryUsed() const;
  Report Read(Time now) const;
  void ResetCounters();

 private:
  /// What a core has of its own.
  struct OfCore : AccessCounters {
    size_t turn = 0;  // of SetAside
  };

  Shard& ShardOf(const Shard::Key& key) const {
    return *shards_[(key.hash >> 32) & mask_];
  }
  /// f(Removed&) with the shard's lock held; what it removes is given back
  /// after it.
  template <typename F>
  static auto Locked(Shard& shard, F f) {
    Removed removed;
    std::lock_guard guard(shard.Lock());
    return f(removed);
  }
  /// The same for the key's shard: f(Shard&, const Shard::Key&, Removed&).
  template <typename F>
  auto Locked(std::string_view key, F f) const {
    const Shard::Key hashed{key, hash_(key)};
    Shard& shard = ShardOf(hashed);
    return Locked(shard,
                  [&](Removed& removed) { return f(shard, hashed, removed); });
  }
  void Count(Access::Kind kind, bool hit) {
    if (kind == Access::Kind::kNone) return;
    AccessCounters& mine = cores_.Mine();
    if (kind == Access::Kind::kGet) {
      ++(hit ? mine.get_hits : mine.get_misses);
    } else {
      ++(hit ? mine.touch_hits : mine.touch_misses);
    }
  }
  void ShareLimits();
  size_t LeastInShard() const;

  KeyHash hash_;
  size_t mask_ = 0;
  std::vector<std::unique_ptr<Shard>> shards_;  // mask_ + 1
  CountsByCore<OfCore> cores_;
  // Rarely changed, with the lock held; `memory` of the limits only read with it.
  alignas(64) mutable SpinLock settings_lock_;
  Limits limits_;  // of all shards together
};

}  // namespace ebbrt::memcached
