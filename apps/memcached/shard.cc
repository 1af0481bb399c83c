#include "apps/memcached/shard.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <mutex>
#include <new>
#include <utility>

#include "apps/memcached/number.h"

namespace ebbrt::memcached {
namespace {

// memcached's hot_lru_pct and warm_lru_pct.
constexpr size_t kHotPercent = 20;
constexpr size_t kWarmPercent = 40;
/// How many items of a segment are moved on for each that is stored. Two keep
/// up with any rate.
constexpr int kSettleSteps = 2;
/// How often active items at the cold end are spared before one goes after all.
constexpr int kSpared = 5;

/// A new item for another value in the place of `old`. Throws std::bad_alloc.
Item::Pointer MakeSuccessor(const Item& old, size_t value_length) {
  auto item = Item::Make(old.Key(), value_length);
  item->deadline = old.deadline;
  item->flags = old.flags;
  item->binary_key = old.binary_key;
  return item;
}

}  // namespace

Removed::~Removed() {
  while (!items_.Empty()) {
    Item& item = items_.Back();
    items_.Remove(item);
    Item::Retire(item);
  }
  ItemTable::Retire(std::move(buckets_));
}

void Shard::FlushIfDue(Time now) {
  if (now < flush_at_.Load()) [[likely]]
    return;
  flushed_cas_ = last_cas_;
  flush_at_ = Time::max();
}

const Item* Shard::LookAgain(const Key& key, Time now) {
  Removed removed;
  std::lock_guard guard(lock_);
  return Find(key, now, removed);
}

Item* Shard::Find(const Key& key, Time now, Removed& removed) {
  FlushIfDue(now);
  Item* item = table_.Find(key.text, key.InShard());
  if (item == nullptr || !HasEnded(*item, now)) return item;
  ++(IsFlushed(*item) ? counters_.get_flushed : counters_.get_expired);
  if (!item->fetched) ++counters_.expired_unfetched;
  Remove(*item, removed);
  return nullptr;
}

void Shard::Mark(const Item& item, Time now) {
  // What says so already is not written to: its line may be in many caches.
  if (!item.fetched) {
    item.fetched = true;
  } else if (!item.active) {
    item.active = true;
  }
  const uint32_t seconds = Item::Seconds(now);
  if (item.accessed != seconds) item.accessed = seconds;
}

/// Puts `item` into the table, in the place of `old` if that isn't null, which
/// has left its queue.
Item& Shard::Link(Item::Pointer item, Item* old, const Key& key,
                  Segment segment, Time now, Removed& removed) {
  Item& linked = *item.release();
  linked.cas = NextCas();
  linked.accessed = Item::Seconds(now);
  linked.segment = segment;
  QueueOf(segment).PushFront(linked);
  BytesOf(segment) += linked.Footprint();
  ++counters_.total_items;
  if (old == nullptr) {
    table_.Insert(linked, key.InShard());
    ++items_;
    GrowIfFull(removed);
  } else {
    table_.Replace(*old, linked);
    removed.Add(*old);
  }
  return linked;
}

/// Puts `item`, of the same size, where `old` is in table and queue: as if the
/// value of `old` had been written to. It counts as none that was stored.
Item& Shard::TakePlace(Item::Pointer item, Item& old, Time now,
                       Removed& removed) {
  Item& linked = *item.release();
  linked.cas = NextCas();
  linked.accessed = Item::Seconds(now);
  linked.fetched = old.fetched;
  linked.active = old.active;
  linked.stale = old.stale;
  linked.token_sent = old.token_sent;
  linked.segment = old.segment;
  QueueOf(old.segment).Replace(old, linked);
  table_.Replace(old, linked);
  removed.Add(old);
  return linked;
}

void Shard::LeaveQueue(Item& item) {
  BytesOf(item.segment) -= item.Footprint();
  QueueOf(item.segment).Remove(item);
}

void Shard::Remove(Item& item, Removed& removed) {
  LeaveQueue(item);
  table_.Erase(item);
  --items_;
  removed.Add(item);
}

void Shard::Move(Item& item, Segment to) {
  LeaveQueue(item);
  ++(to == item.segment     ? counters_.moves_within_lru
     : to == Segment::kWarm ? counters_.moves_to_warm
                            : counters_.moves_to_cold);
  item.segment = to;
  BytesOf(to) += item.Footprint();
  QueueOf(to).PushFront(item);
}

size_t Shard::Used() const {
  return MemoryUsed() + table_.Bytes() + set_aside_;
}

/// Moves on what hot and warm hold above their shares.
void Shard::Settle() {
  auto settle = [this](Segment segment, size_t share) {
    ItemQueue& queue = QueueOf(segment);
    for (int i = 0; i < kSettleSteps && BytesOf(segment) > share; ++i) {
      Item& last = queue.Back();
      const bool active = last.active;
      last.active = false;
      Move(last, active ? Segment::kWarm : Segment::kCold);
    }
  };
  settle(Segment::kHot, limits_.memory / 100 * kHotPercent);
  settle(Segment::kWarm, limits_.memory / 100 * kWarmPercent);
}

bool Shard::EvictOne(Time now, Removed& removed) {
  for (int spared = 0;;) {
    ItemQueue* queue = &QueueOf(Segment::kCold);
    if (queue->Empty()) queue = &QueueOf(Segment::kWarm);
    if (queue->Empty()) queue = &QueueOf(Segment::kHot);
    if (queue->Empty()) return false;
    Item& last = queue->Back();
    const bool ended = HasEnded(last, now);
    if (!limits_.evicts && !ended) return false;
    if (last.active && !ended && spared < kSpared) {
      ++spared;
      last.active = false;
      Move(last, Segment::kWarm);
      continue;
    }
    if (ended) {
      ++counters_.reclaimed;
      if (!last.fetched) ++counters_.expired_unfetched;
    } else {
      ++counters_.evictions;
      if (!last.fetched) ++counters_.evicted_unfetched;
      if (last.active) ++counters_.evicted_active;
    }
    Remove(last, removed);
    return true;
  }
}

/// Whether an item of `bytes` finds room once `old`, which may be null, is
/// gone. Removes at most what has ended, so not `old`.
bool Shard::WillFit(size_t bytes, const Item* old, Time now, Removed& removed) {
  if (limits_.evicts) return Used() - MemoryUsed() + bytes <= limits_.memory;
  const size_t given_back = old != nullptr ? old->Footprint() : 0;
  while (Used() - given_back + bytes > limits_.memory) {
    if (!EvictOne(now, removed)) return false;
  }
  return true;
}

/// Takes the room that WillFit has found.
void Shard::MakeRoom(size_t bytes, Time now, Removed& removed) {
  Settle();
  while (Used() + bytes > limits_.memory && EvictOne(now, removed)) {
  }
}

bool Shard::SetAside(size_t bytes, Time now, Removed& removed) {
  if (!WillFit(bytes, nullptr, now, removed)) return false;
  MakeRoom(bytes, now, removed);
  set_aside_ += bytes;
  return true;
}

/// Doubles the buckets when there are as many items, so that a look-up stays
/// at about one item. Where that can't be the chains get longer.
void Shard::GrowIfFull(Removed& removed) {
  if (items_ < table_.BucketCount()) return;
  if (Used() + table_.Bytes() > limits_.memory) return;
  removed.Add(table_.Grow());
}

/// Whether `put` may be stored where `old` is, which may be null.
Shard::Verdict Shard::Judge(const Put& put, const Item* old) {
  switch (put.mode) {
    case Mode::kSet:
      return {Outcome::kDone};
    case Mode::kAdd:
      return {old == nullptr ? Outcome::kDone : Outcome::kNotStored};
    case Mode::kReplace:
      return {old != nullptr ? Outcome::kDone : Outcome::kNotStored};
    case Mode::kAppend:
    case Mode::kPrepend:
      if (old == nullptr) return {Outcome::kNotStored};
      return {put.cas == 0 || put.cas == old->cas ? Outcome::kDone
                                                  : Outcome::kExists};
    case Mode::kCas:
      break;
  }
  if (old == nullptr) {
    ++counters_.cas_misses;
    return {Outcome::kNotFound};
  }
  bool stale = put.may_be_stale && put.cas != 0 && put.cas < old->cas;
  bool right = put.cas == old->cas || stale;
  ++(right ? counters_.cas_hits : counters_.cas_badval);
  return {right ? Outcome::kDone : Outcome::kExists, stale};
}

/// The item that `put` makes of `old` by appending or prepending. Throws
/// std::bad_alloc.
Item::Pointer Shard::Extend(const Put& put, const Item& old) const {
  const Item& first = put.mode == Mode::kAppend ? old : *put.item;
  const Item& second = put.mode == Mode::kAppend ? *put.item : old;
  auto whole = MakeSuccessor(old, first.ValueLength() + second.ValueLength());
  auto room = whole->MakeValue();
  first.CopyValue(room.first(first.ValueLength()));
  second.CopyValue(room.subspan(first.ValueLength()));
  return whole;
}

Shard::Inserted Shard::Insert(Put& put, const Key& key, Time now,
                              Removed& removed) {
  if (!put.vivifies) ++counters_.cmd_set;
  Item* old = Find(key, now, removed);
  auto [outcome, stale] = Judge(put, old);
  if (outcome != Outcome::kDone) {
    if (put.mode == Mode::kAdd) old->accessed = Item::Seconds(now);
    return {{outcome}};
  }
  const bool extends = put.mode == Mode::kAppend || put.mode == Mode::kPrepend;
  Item::Pointer item;
  if (extends) {
    const size_t length = old->ValueLength() + put.item->ValueLength();
    if (length > limits_.value) return {{Outcome::kNotStored}};
    try {
      item = Extend(put, *old);  // and `put` keeps the piece
    } catch (const std::bad_alloc&) {
      return {{Outcome::kNotStored}};
    }
  } else {
    item = std::move(put.item);
  }
  if (stale) {
    item->deadline = old->deadline;
    item->stale = true;
    item->token_sent = old->token_sent;
  }
  const size_t needed = item->Footprint();
  if (!WillFit(needed, old, now, removed)) {
    ++counters_.store_no_memory;
    if (old != nullptr && put.mode == Mode::kSet) Remove(*old, removed);
    put.item = std::move(item);
    // As memcached says of what finds no room to grow.
    return {{extends ? Outcome::kNotStored : Outcome::kOutOfMemory}};
  }
  if (old != nullptr) LeaveQueue(*old);
  MakeRoom(needed, now, removed);
  Item& linked = Link(std::move(item), old, key, Segment::kHot, now, removed);
  return {{Outcome::kDone, linked.cas}, &linked};
}

Shard::Sum Shard::Add(const Key& key, const Delta& delta, Time now,
                      Removed& removed) {
  const bool up = delta.direction == Delta::Direction::kUp;
  Item* item = Find(key, now, removed);
  if (item == nullptr) {
    if (!delta.vivifies) ++(up ? counters_.incr_misses : counters_.decr_misses);
    return {Outcome::kNotFound};
  }
  if (item->ValueLength() == 0) return {Outcome::kNotNumeric};
  if (delta.cas != 0 && item->cas != delta.cas) return {Outcome::kExists};
  char text[kInlineValue];
  auto number = ParseUnsigned({text, item->CopyValue(text)});
  if (!number) return {Outcome::kNotNumeric};
  ++(up ? counters_.incr_hits : counters_.decr_hits);
  const uint64_t sum =
      up ? *number + delta.amount : *number - std::min(*number, delta.amount);
  char digits[kLongestNumber];
  auto length = static_cast<size_t>(
      std::to_chars(digits, digits + sizeof digits, sum).ptr - digits);
  // Another item, since somebody may be reading or sending this one.
  Item::Pointer next;
  try {
    next = MakeSuccessor(*item, std::max(length, item->ValueLength()));
    auto room = next->MakeValue();
    std::memcpy(room.data(), digits, length);
    std::memset(room.data() + length, ' ', room.size() - length);
  } catch (const std::bad_alloc&) {
    return {Outcome::kOutOfMemory};
  }
  if (item->IsInline() && length <= item->ValueLength()) {
    Item& changed = TakePlace(std::move(next), *item, now, removed);
    return {Outcome::kDone, &changed, sum};
  }
  const size_t needed = next->Footprint();
  if (!WillFit(needed, item, now, removed)) return {Outcome::kOutOfMemory};
  const Segment segment = item->segment;
  LeaveQueue(*item);
  MakeRoom(needed, now, removed);
  Item& linked = Link(std::move(next), item, key, segment, now, removed);
  return {Outcome::kDone, &linked, sum};
}

Shard::Outcome Shard::Delete(const Key& key, Cas cas, Time now,
                             Removed& removed) {
  Item* item = Find(key, now, removed);
  if (item == nullptr || (cas && item->cas != *cas)) {
    ++counters_.delete_misses;
    return item == nullptr ? Outcome::kNotFound : Outcome::kExists;
  }
  ++counters_.delete_hits;
  Remove(*item, removed);
  return Outcome::kDone;
}

Shard::Outcome Shard::MarkStale(const Key& key, Cas cas,
                                std::optional<Time> deadline, Time now,
                                Removed& removed) {
  Item* item = Find(key, now, removed);
  if (item == nullptr || (cas && item->cas != *cas)) {
    ++counters_.delete_misses;
    return item == nullptr ? Outcome::kNotFound : Outcome::kExists;
  }
  if (deadline) item->deadline = *deadline;
  item->stale = true;
  item->token_sent = false;
  item->cas = NextCas();
  return Outcome::kDone;
}

void Shard::Flush(Time when, Time now) {
  flush_at_ = when;
  FlushIfDue(now);
}

void Shard::Sweep(size_t buckets, Time now, Removed& removed) {
  FlushIfDue(now);
  for (; buckets > 0; --buckets) {
    if (swept_ >= table_.BucketCount()) swept_ = 0;
    table_.ForEachIn(swept_++, [&](Item& item) {
      if (!HasEnded(item, now)) return;
      ++counters_.crawler_reclaimed;
      if (!item.fetched) ++counters_.expired_unfetched;
      Remove(item, removed);
    });
  }
}

void Shard::Refuse(const Key& key, bool unlinks, Refusal why, Time now,
                   Removed& removed) {
  ++(why == Refusal::kTooLarge ? counters_.store_too_large
                               : counters_.store_no_memory);
  if (!unlinks) return;
  if (Item* item = Find(key, now, removed)) Remove(*item, removed);
}

void Shard::AddTo(Report& report, Time now) const {
  report.counters += counters_;
  for (size_t i = 0; i < kSegments; ++i) report.items[i] += queues_[i].Size();
  report.bytes += MemoryUsed();
  report.hash_bytes += table_.Bytes();
  report.buckets += table_.BucketCount();
  const ItemQueue& cold = queues_[size_t(Segment::kCold)];
  if (cold.Empty()) return;
  report.oldest_age =
      std::max(report.oldest_age, cold.Back().SecondsAlone(now));
}

}  // namespace ebbrt::memcached
