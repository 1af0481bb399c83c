// StoreTypes: what is asked of a store and what it answers; of all its parts.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "apps/memcached/item.h"
#include "common/relaxed.h"

namespace ebbrt::memcached {

/// What a store has done, named as `stats` names it.
struct StoreCounters {
  uint64_t cmd_set = 0;
  uint64_t cmd_flush = 0;
  uint64_t get_expired = 0;
  uint64_t get_flushed = 0;
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

  StoreCounters& operator+=(const StoreCounters& other);
};

/// The same of accesses, which cores count apart: to read takes no lock.
struct AccessCounters {
  Relaxed<uint64_t> get_hits = 0;
  Relaxed<uint64_t> get_misses = 0;
  Relaxed<uint64_t> touch_hits = 0;
  Relaxed<uint64_t> touch_misses = 0;

  void Add(const AccessCounters& other);
  void Forget(const AccessCounters& before);
};

/// memcached's `-I 1m`.
inline constexpr size_t kDefaultValueLimit = 1 << 20;

struct StoreTypes {
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

  /// What an item's CAS must be, if that is asked.
  using Cas = std::optional<uint64_t>;

  struct Limits {
    size_t memory = SIZE_MAX;  ///< of items, table and what is set aside, bytes
    size_t value = kDefaultValueLimit;  ///< of one, also one that grows, bytes
    bool evicts = true;  ///< else what would have to is kOutOfMemory
  };

  /// State of the whole table: of each shard at one moment.
  struct Report {
    StoreCounters counters;
    AccessCounters accesses;
    std::array<uint64_t, kSegments> items{};
    uint64_t Items() const { return items[0] + items[1] + items[2]; }
    uint64_t bytes = 0;  ///< of items
    uint64_t hash_bytes = 0;
    uint64_t buckets = 0;
    uint64_t memory_limit = 0;
    uint32_t oldest_age = 0;  ///< of the coldest item, seconds without access
  };
};

}  // namespace ebbrt::memcached
