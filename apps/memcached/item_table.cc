#include "apps/memcached/item_table.h"

#include <boost/intrusive/parent_from_member.hpp>
#include <new>
#include <utility>

namespace ebbrt::memcached {
namespace {

constexpr size_t kFirstBuckets = 1024;  // a power of two

}  // namespace

void ItemTable::FreeBuckets::operator()(Buckets* buckets) const {
  buckets->~Buckets();
  ::operator delete(buckets);
}

ItemTable::Replaced ItemTable::Make(size_t count, size_t way) {
  using Head = std::atomic<Item*>;
  static_assert(sizeof(Buckets) % alignof(Head) == 0);
  void* room = ::operator new(sizeof(Buckets) + count * sizeof(Head));
  Replaced buckets;
  try {
    buckets.reset(new (room) Buckets{.mask = count - 1, .way = way});
  } catch (...) {
    ::operator delete(room);
    throw;
  }
  for (size_t i = 0; i < count; ++i) new (&buckets->At(i)) Head(nullptr);
  return buckets;
}

ItemTable::ItemTable() : buckets_(Make(kFirstBuckets, 0).release()) {}

ItemTable::~ItemTable() {
  for (size_t i = 0; i < BucketCount(); ++i) {
    ForEachIn(i, [](Item& item) { Item::Free()(&item); });
  }
  FreeBuckets()(buckets_.load(std::memory_order_relaxed));
}

void ItemTable::Insert(Item& item, uint32_t hash) {
  const Buckets& buckets = *buckets_.load(std::memory_order_relaxed);
  auto& head = buckets.At(hash);
  item.hash_ = hash;
  item.next_[buckets.way].store(head.load(std::memory_order_relaxed),
                                std::memory_order_relaxed);
  head.store(&item, std::memory_order_release);
}

/// The link that leads to an item of the table.
std::atomic<Item*>& ItemTable::LinkTo(Item& item) const {
  const Buckets& buckets = *buckets_.load(std::memory_order_relaxed);
  auto* link = &buckets.At(item.hash_);
  for (;;) {
    Item* next = link->load(std::memory_order_relaxed);
    if (next == &item) return *link;
    link = &next->next_[buckets.way];
  }
}

void ItemTable::Replace(Item& old, Item& item) {
  const size_t way = buckets_.load(std::memory_order_relaxed)->way;
  item.hash_ = old.hash_;
  item.next_[way].store(old.next_[way].load(std::memory_order_relaxed),
                        std::memory_order_relaxed);
  LinkTo(old).store(&item, std::memory_order_release);
}

void ItemTable::Erase(Item& item) {
  const size_t way = buckets_.load(std::memory_order_relaxed)->way;
  // Readers that are at the item go on from it.
  LinkTo(item).store(item.next_[way].load(std::memory_order_relaxed),
                     std::memory_order_release);
}

ItemTable::Replaced ItemTable::Grow() {
  if (replaced_ && replaced_->load(std::memory_order_acquire)) return nullptr;
  Buckets* old = buckets_.load(std::memory_order_relaxed);
  Replaced more;
  try {
    more = Make(2 * (old->mask + 1), 1 - old->way);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  for (size_t i = 0; i <= old->mask; ++i) {
    ForEachIn(i, [&](Item& item) {
      auto& head = more->At(item.hash_);
      item.next_[more->way].store(head.load(std::memory_order_relaxed),
                                  std::memory_order_relaxed);
      head.store(&item, std::memory_order_relaxed);
    });
  }
  replaced_ = old->read;
  buckets_.store(more.release(), std::memory_order_release);
  return Replaced(old);
}

void ItemTable::Retire(Replaced buckets) {
  if (buckets == nullptr) return;
  Buckets& retired = *buckets.release();
  rcu->Retire(
      retired.retired,
      [](Rcu::Retired& place) {
        auto* buckets =
            boost::intrusive::get_parent_from_member(&place, &Buckets::retired);
        buckets->read->store(false, std::memory_order_release);
        FreeBuckets()(buckets);
      },
      (retired.mask + 1) * sizeof(std::atomic<Item*>));
}

}  // namespace ebbrt::memcached
