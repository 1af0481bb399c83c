// Store: the table of items, as an Ebb.
//
// Keys and values stay in the bytes in which they came (storable.h). Protocols
// call it by key and see an item only inside a visitor, so how it is spread
// over cores is the Store's own business: for now one table for the node behind
// a lock that is held for one operation.
//
// Time is an argument, read once per batch of requests and moved at will by
// tests. Expired items are removed when somebody asks for them.
#pragma once

#include <boost/intrusive/unordered_set.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "common/iobuf.h"
#include "common/shared_ebb.h"
#include "common/spin_lock.h"
#include "platform/clock.h"

namespace ebbrt::memcached {

/// One key and what is stored under it.
class Item : public boost::intrusive::unordered_set_base_hook<
                 boost::intrusive::store_hash<true>,
                 boost::intrusive::link_mode<boost::intrusive::normal_link>> {
 public:
  std::string_view Key() const { return bytes->View().substr(0, key_length); }

  std::unique_ptr<IOBuf> bytes;  ///< the key, in the first element; the value
  Clock::time_point deadline;    ///< when it ends
  uint64_t cas = 0;
  uint32_t flags = 0;
  uint32_t value_length = 0;
  uint16_t key_length = 0;
};

class Store : public SharedEbb<Store> {
 public:
  using Time = Clock::time_point;

  enum class Mode { kSet, kAdd, kReplace };
  enum class Outcome { kDone, kNotFound, kExists, kOutOfMemory };

  struct Put {
    Mode mode = Mode::kSet;
    std::unique_ptr<IOBuf> bytes;  ///< key and value; the key in one element
    uint16_t key_length = 0;
    uint32_t flags = 0;
    Time deadline = Time::max();
    uint64_t cas = 0;  ///< 0, or what the stored item's must be
  };
  struct Stored {
    Outcome outcome;
    uint64_t cas;  ///< the new item's, 0 unless kDone
  };

  Store();
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// A protocol's expiry time as a moment: 0 never, up to 30 days from `now` on
  /// in seconds, above in seconds of Unix time.
  static Time Deadline(uint32_t expiration, Time now);

  /// Calls visit(const Item&) for the key's item; false if there is none. The
  /// visitor must not block nor call the store.
  template <typename F>
  bool Get(std::string_view key, Time now, F visit) {
    std::lock_guard guard(lock_);
    Item* item = Find(key, now);
    if (item == nullptr) return false;
    visit(const_cast<const Item&>(*item));
    return true;
  }

  /// Stores, or says why not. No memory is an outcome, not an exception; it
  /// also ends what a Set was to replace, so that nobody goes on reading it.
  Stored Insert(Put put, Time now);

  /// Removes; `cas` as in Put.
  Outcome Delete(std::string_view key, uint64_t cas, Time now);

  /// Items may hold this many bytes in all; more is kOutOfMemory.
  void SetMemoryLimit(size_t bytes) { memory_limit_ = bytes; }

  size_t ItemCount() const { return table_.size(); }
  size_t MemoryUsed() const { return memory_used_; }

 private:
  struct KeyOfItem {
    using type = std::string_view;
    std::string_view operator()(const Item& item) const { return item.Key(); }
  };
  using Table = boost::intrusive::unordered_set<
      Item, boost::intrusive::key_of_value<KeyOfItem>,
      boost::intrusive::hash<std::hash<std::string_view>>,
      boost::intrusive::power_2_buckets<true>>;

  Item* Find(std::string_view key, Time now);
  std::unique_ptr<Item> Remove(Item& item);
  void GrowIfFull();

  mutable SpinLock lock_;
  std::vector<Table::bucket_type> buckets_;
  Table table_;
  uint64_t last_cas_ = 0;
  size_t memory_used_ = 0;
  size_t memory_limit_ = SIZE_MAX;
};

}  // namespace ebbrt::memcached
