#include "apps/memcached/store.h"

#include <chrono>
#include <new>
#include <utility>

namespace ebbrt::memcached {
namespace {

constexpr size_t kFirstBuckets = 1024;  // a power of two
constexpr uint32_t kLongestRelative = 30 * 24 * 60 * 60;

/// Memory that the bytes hold.
size_t Footprint(const IOBuf& bytes) {
  size_t sum = 0;
  const IOBuf* i = &bytes;
  do {
    sum += sizeof(IOBuf) + i->Capacity();
    i = i->Next();
  } while (i != &bytes);
  return sum;
}

/// Null when there is no memory for one.
std::unique_ptr<Item> MakeItem() {
  try {
    return std::make_unique<Item>();
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

}  // namespace

Store::Store()
    : buckets_(kFirstBuckets),
      table_(Table::bucket_traits(buckets_.data(), buckets_.size())) {}

Store::~Store() {
  table_.clear_and_dispose(
      [](Item* item) { std::default_delete<Item>()(item); });
}

Store::Time Store::Deadline(uint32_t expiration, Time now) {
  if (expiration == 0) return Time::max();
  if (expiration <= kLongestRelative) {
    return now + std::chrono::seconds(expiration);
  }
  using System = std::chrono::system_clock;
  auto moment = System::time_point(std::chrono::seconds(expiration));
  return now +
         std::chrono::duration_cast<Time::duration>(moment - System::now());
}

/// The key's item; one that has expired is removed on the way.
Item* Store::Find(std::string_view key, Time now) {
  auto found = table_.find(key);
  if (found == table_.end()) return nullptr;
  if (found->deadline <= now) {
    Remove(*found);
    return nullptr;
  }
  return &*found;
}

std::unique_ptr<Item> Store::Remove(Item& item) {
  memory_used_ -= sizeof(Item) + Footprint(*item.bytes);
  table_.erase(table_.iterator_to(item));
  return std::unique_ptr<Item>(&item);
}

/// Doubles the buckets when there are as many items, so that a look-up stays
/// at about one item. Without memory for it the chains get longer.
void Store::GrowIfFull() {
  if (table_.size() < buckets_.size()) return;
  try {
    std::vector<Table::bucket_type> more(buckets_.size() * 2);
    table_.rehash(Table::bucket_traits(more.data(), more.size()));
    buckets_.swap(more);
  } catch (const std::bad_alloc&) {
  }
}

Store::Stored Store::Insert(Put put, Time now) {
  std::unique_ptr<IOBuf> replaced;  // these two are given back after the lock
  std::unique_ptr<Item> removed;
  std::lock_guard guard(lock_);
  Item* item = Find(put.bytes->View().substr(0, put.key_length), now);
  if (item != nullptr && put.mode == Mode::kAdd) return {Outcome::kExists, 0};
  if (item == nullptr && (put.mode == Mode::kReplace || put.cas != 0)) {
    return {Outcome::kNotFound, 0};
  }
  if (put.cas != 0 && item->cas != put.cas) return {Outcome::kExists, 0};

  size_t used = memory_used_ + sizeof(Item) + Footprint(*put.bytes);
  if (item != nullptr) used -= sizeof(Item) + Footprint(*item->bytes);
  std::unique_ptr<Item> made;
  if (used <= memory_limit_ && item == nullptr) {
    made = MakeItem();
    item = made.get();
  }
  if (used > memory_limit_ || item == nullptr) {
    if (item != nullptr && put.mode == Mode::kSet) removed = Remove(*item);
    return {Outcome::kOutOfMemory, 0};
  }
  memory_used_ = used;
  item->value_length =
      static_cast<uint32_t>(put.bytes->ChainLength() - put.key_length);
  replaced = std::exchange(item->bytes, std::move(put.bytes));
  item->key_length = put.key_length;
  item->flags = put.flags;
  item->deadline = put.deadline;
  item->cas = ++last_cas_;
  if (made != nullptr) {
    GrowIfFull();
    table_.insert(*made.release());
  }
  return {Outcome::kDone, last_cas_};
}

Store::Outcome Store::Delete(std::string_view key, uint64_t cas, Time now) {
  std::unique_ptr<Item> removed;  // given back after the lock
  std::lock_guard guard(lock_);
  Item* item = Find(key, now);
  if (item == nullptr) return Outcome::kNotFound;
  if (cas != 0 && item->cas != cas) return Outcome::kExists;
  removed = Remove(*item);
  return Outcome::kDone;
}

}  // namespace ebbrt::memcached
