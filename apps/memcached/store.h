// Store: the table of items, as an Ebb.
//
// Protocols call it by key and see an item only inside a visitor, so how it is
// spread over cores is the Store's own business: for now one table for the node
// behind a lock that is held for one operation.
//
// Memory. Items and the table together hold at most the limit given. What is
// over it is evicted, from the cold end of a segmented LRU like memcached's:
// new items are hot; from the end of "hot" and "warm" those that were read
// again go to warm, the others to cold, so that one pass over many keys doesn't
// push out what is in use. A read sets a bit and moves nothing.
//
// Time is an argument, read once per batch of requests and moved at will by
// tests. Expired items are removed when somebody asks for them, when their turn
// comes to be evicted, and by Sweep.
#pragma once

#include <array>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/unordered_set.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "apps/memcached/item.h"
#include "apps/memcached/key_hash.h"
#include "common/shared_ebb.h"
#include "common/spin_lock.h"

namespace ebbrt::memcached {

/// What a store has done, named as `stats` names it.
struct StoreCounters {
  uint64_t cmd_set = 0;
  uint64_t cmd_flush = 0;
  uint64_t get_hits = 0;
  uint64_t get_misses = 0;
  uint64_t get_expired = 0;
  uint64_t get_flushed = 0;
  uint64_t touch_hits = 0;
  uint64_t touch_misses = 0;
  uint64_t delete_hits = 0;
  uint64_t delete_misses = 0;
  uint64_t incr_hits = 0;
  uint64_t incr_misses = 0;
  uint64_t decr_hits = 0;
  uint64_t decr_misses = 0;
  uint64_t cas_hits = 0;
  uint64_t cas_misses = 0;
  uint64_t cas_badval = 0;
  uint64_t total_items = 0;
  uint64_t evictions = 0;
  uint64_t evicted_unfetched = 0;
  uint64_t evicted_active = 0;
  uint64_t reclaimed = 0;  ///< expired ones that gave their room to another
  uint64_t expired_unfetched = 0;
  uint64_t crawler_reclaimed = 0;  ///< by Sweep
  uint64_t moves_to_cold = 0;
  uint64_t moves_to_warm = 0;
  uint64_t moves_within_lru = 0;
  uint64_t store_too_large = 0;
  uint64_t store_no_memory = 0;
};

/// memcached's `-I 1m`.
inline constexpr size_t kDefaultValueLimit = 1 << 20;

class Store : public SharedEbb<Store> {
 public:
  using Time = Item::Time;

  enum class Mode { kSet, kAdd, kReplace, kAppend, kPrepend, kCas };
  enum class Outcome {
    kDone,
    kNotFound,
    kExists,     ///< the item has another CAS
    kNotStored,  ///< the mode asks for an item where there is none, or for none
    kOutOfMemory,
    kNotNumeric,
  };

  struct Put {
    Item::Pointer item;  ///< key, value, flags, deadline
    Mode mode = Mode::kSet;
    /// kCas: the stored item's must be it. kAppend, kPrepend: so, unless 0.
    uint64_t cas = 0;
    /// kCas of an older item stores all the same, and marks the item stale.
    bool may_be_stale = false;
    /// It follows from another command, and isn't counted as a set.
    bool vivifies = false;
  };
  struct Result {
    Outcome outcome;
    uint64_t cas = 0;  ///< the new item's; 0 unless kDone
  };

  /// Why a value is not even tried to be stored.
  enum class Refusal { kTooLarge, kNoMemory };

  /// What a visit counts as, and whether it keeps the item from eviction.
  struct Access {
    enum class Kind { kNone, kGet, kTouch };
    Kind hit;
    Kind miss;
    bool marks;
  };
  static constexpr Access kGet{Access::Kind::kGet, Access::Kind::kGet, true};
  static constexpr Access kTouch{Access::Kind::kTouch, Access::Kind::kTouch,
                                 true};
  static constexpr Access kPeek{Access::Kind::kNone, Access::Kind::kNone,
                                false};

  struct Delta {
    enum class Direction { kUp, kDown } direction = Direction::kUp;
    uint64_t amount = 1;
    uint64_t cas = 0;  ///< 0, or what the item's must be
    /// Who finds no item will make one: that is no miss.
    bool vivifies = false;
  };

  /// State of the whole table at one moment.
  struct Report {
    StoreCounters counters;
    std::array<uint64_t, kSegments> items{};
    uint64_t Items() const { return items[0] + items[1] + items[2]; }
    uint64_t bytes = 0;  ///< of items
    uint64_t hash_bytes = 0;
    unsigned hash_power = 0;
    uint64_t memory_limit = 0;
    uint32_t oldest_age = 0;  ///< of the coldest item, seconds without access
  };

  Store();
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Items, table and what is set aside may hold this many bytes.
  void SetMemoryLimit(size_t bytes) { memory_limit_ = bytes; }
  /// What would have to evict is kOutOfMemory (`-M`).
  void RefuseWhenFull() { evicts_ = false; }
  bool Evicts() const { return evicts_; }
  /// Values may be this long, also those that grow (`-I`).
  void SetValueLimit(size_t bytes) { value_limit_ = bytes; }
  size_t ValueLimit() const { return value_limit_; }

  /// A protocol's expiry time as a moment: 0 never, negative at once, up to 30
  /// days from `now` on in seconds, above in seconds of Unix time.
  static Time Deadline(int64_t expiration, Time now);
  /// When a flush with a delay > 0, meant likewise, takes place: as with
  /// memcached, whose clock ticks in seconds, one earlier.
  static Time FlushTime(int64_t delay, Time now) {
    return Deadline(delay, now) - std::chrono::seconds(1);
  }

  /// Calls visit(Item&) for the key's item; false if there is none. What it
  /// sees is from before this access. It may change deadline, flags and marks;
  /// it must not block nor call the store.
  template <typename F>
  bool Visit(std::string_view key, Time now, Access access, F visit) {
    std::lock_guard guard(lock_);
    Item* item = Find(key, now);
    Count(item != nullptr ? access.hit : access.miss, item != nullptr);
    if (item == nullptr) return false;
    visit(*item);
    if (access.marks) Mark(*item, now);
    return true;
  }

  /// Stores, or says why not. A kSet that finds no room also ends what it was
  /// to replace, so that nobody goes on reading it; after any other mode that
  /// is as before.
  Result Insert(Put put, Time now);
  /// Counts a value that is not stored, and ends the key's item if asked, so
  /// that nobody goes on reading it.
  void Refuse(std::string_view key, bool unlinks, Refusal why, Time now);

  /// Adds to, or takes from, a decimal number, which wraps at 2^64 or stops at
  /// 0; then calls visit(Item&, uint64_t number) as Visit does. A number that
  /// gets shorter is padded with spaces, as memcached does.
  template <typename F>
  Outcome Add(std::string_view key, const Delta& delta, Time now, F visit) {
    std::lock_guard guard(lock_);
    auto sum = AddLocked(key, delta, now);
    if (sum.outcome == Outcome::kDone) visit(*sum.item, sum.number);
    return sum.outcome;
  }

  /// What an item's CAS must be, if that is asked.
  using Cas = std::optional<uint64_t>;
  /// Removes.
  Outcome Delete(std::string_view key, Cas cas, Time now);
  /// Instead of removing: marks it stale, gives it another CAS and, if given, a
  /// deadline.
  Outcome MarkStale(std::string_view key, Cas cas, std::optional<Time> deadline,
                    Time now);

  /// From `when` on, what was stored before then is gone.
  void Flush(Time when, Time now);

  /// Evicts until at least `bytes` are free for others; false if nothing is
  /// left to evict. For who finds the machine's memory exhausted.
  bool Evict(size_t bytes, Time now);

  /// Counts memory that others than items hold, evicting for it; false, and
  /// nothing is counted, where that finds no room.
  bool SetAside(size_t bytes, Time now);
  /// What SetAside has counted is free again.
  void GiveBack(size_t bytes);

  /// Looks at `buckets` more of the table and removes what has expired there.
  void Sweep(size_t buckets, Time now);
  size_t Buckets() const { return buckets_.size(); }

  size_t ItemCount() const { return table_.size(); }
  size_t MemoryUsed() const { return bytes_[0] + bytes_[1] + bytes_[2]; }
  Report Read(Time now) const;
  void ResetCounters();

 private:
  struct KeyOfItem {
    using type = std::string_view;
    std::string_view operator()(const Item& item) const { return item.Key(); }
  };
  using Table = boost::intrusive::unordered_set<
      Item, boost::intrusive::key_of_value<KeyOfItem>,
      boost::intrusive::hash<KeyHash>, boost::intrusive::power_2_buckets<true>>;
  using Queue = boost::intrusive::list<Item>;
  struct Verdict {
    Outcome outcome;
    bool stale = false;  ///< it is stored, and marked so
  };
  struct Sum {
    Outcome outcome;
    Item* item = nullptr;
    uint64_t number = 0;
  };

  void FlushIfDue(Time now);
  Item* Find(std::string_view key, Time now);
  bool IsFlushed(const Item& item) const { return item.cas <= flushed_cas_; }
  void Count(Access::Kind kind, bool hit);
  void Mark(Item& item, Time now);
  Verdict Judge(const Put& put, const Item* old);
  Item::Pointer Extend(const Put& put, const Item& old) const;
  Sum AddLocked(std::string_view key, const Delta& delta, Time now);
  Item& Link(Item::Pointer item, Segment segment, Time now);
  Item::Pointer Unlink(Item& item);
  void Move(Item& item, Segment to);
  size_t TableBytes() const {
    return buckets_.size() * sizeof(Table::bucket_type);
  }
  size_t Used() const;
  void Settle();
  bool EvictOne(Time now);
  bool WillFit(size_t bytes, const Item* old, Time now);
  void MakeRoom(size_t bytes, Time now);
  void GrowIfFull();

  Queue& QueueOf(Segment segment) { return queues_[size_t(segment)]; }
  size_t& BytesOf(Segment segment) { return bytes_[size_t(segment)]; }

  mutable SpinLock lock_;
  std::vector<Table::bucket_type> buckets_;
  Table table_;
  std::array<Queue, kSegments> queues_;  // the most recent ones in front
  std::array<size_t, kSegments> bytes_{};
  size_t memory_limit_ = SIZE_MAX;
  size_t set_aside_ = 0;
  size_t value_limit_ = kDefaultValueLimit;
  bool evicts_ = true;
  uint64_t last_cas_ = 0;
  uint64_t flushed_cas_ = 0;  // items up to it are gone
  Time flush_at_ = Time::max();
  size_t swept_ = 0;
  StoreCounters counters_;
};

}  // namespace ebbrt::memcached
