#include "apps/memcached/store.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <chrono>
#include <cstring>
#include <new>
#include <utility>

#include "apps/memcached/number.h"

namespace ebbrt::memcached {
namespace {

constexpr size_t kFirstBuckets = 1024;  // a power of two
constexpr int64_t kLongestRelative = 30 * 24 * 60 * 60;
/// Later moments, of the year 2262, are beyond the clock's reach.
constexpr int64_t kLatest = 9'000'000'000;

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

Store::Store()
    : buckets_(kFirstBuckets),
      table_(Table::bucket_traits(buckets_.data(), buckets_.size())) {}

Store::~Store() {
  for (Queue& queue : queues_) queue.clear();
  table_.clear_and_dispose(Item::Free());
}

Store::Time Store::Deadline(int64_t expiration, Time now) {
  if (expiration == 0) return Time::max();
  if (expiration < 0) return now;
  if (expiration <= kLongestRelative) {
    return now + std::chrono::seconds(expiration);
  }
  if (expiration > kLatest) return Time::max();
  using System = std::chrono::system_clock;
  auto moment = System::time_point(std::chrono::seconds(expiration));
  return now +
         std::chrono::duration_cast<Time::duration>(moment - System::now());
}

void Store::FlushIfDue(Time now) {
  if (now < flush_at_) [[likely]]
    return;
  flushed_cas_ = last_cas_;
  flush_at_ = Time::max();
}

/// The key's item; one that has ended is removed on the way.
Item* Store::Find(std::string_view key, Time now) {
  FlushIfDue(now);
  auto found = table_.find(key);
  if (found == table_.end()) return nullptr;
  Item& item = *found;
  if (item.deadline > now && !IsFlushed(item)) return &item;
  ++(IsFlushed(item) ? counters_.get_flushed : counters_.get_expired);
  if (!item.fetched) ++counters_.expired_unfetched;
  Unlink(item);
  return nullptr;
}

void Store::Count(Access::Kind kind, bool hit) {
  switch (kind) {
    case Access::Kind::kGet:
      ++(hit ? counters_.get_hits : counters_.get_misses);
      break;
    case Access::Kind::kTouch:
      ++(hit ? counters_.touch_hits : counters_.touch_misses);
      break;
    case Access::Kind::kNone:
      break;
  }
}

void Store::Mark(Item& item, Time now) {
  if (item.fetched) item.active = true;
  item.fetched = true;
  item.accessed = Item::Seconds(now);
}

Item& Store::Link(Item::Pointer item, Segment segment, Time now) {
  Item& linked = *item.release();
  linked.cas = ++last_cas_;
  linked.accessed = Item::Seconds(now);
  linked.segment = segment;
  table_.insert(linked);
  QueueOf(segment).push_front(linked);
  BytesOf(segment) += linked.Footprint();
  ++counters_.total_items;
  GrowIfFull();
  return linked;
}

Item::Pointer Store::Unlink(Item& item) {
  Queue& queue = QueueOf(item.segment);
  BytesOf(item.segment) -= item.Footprint();
  queue.erase(queue.iterator_to(item));
  table_.erase(table_.iterator_to(item));
  return Item::Pointer(&item);
}

void Store::Move(Item& item, Segment to) {
  Queue& queue = QueueOf(item.segment);
  size_t bytes = item.Footprint();
  BytesOf(item.segment) -= bytes;
  queue.erase(queue.iterator_to(item));
  ++(to == item.segment     ? counters_.moves_within_lru
     : to == Segment::kWarm ? counters_.moves_to_warm
                            : counters_.moves_to_cold);
  item.segment = to;
  BytesOf(to) += bytes;
  QueueOf(to).push_front(item);
}

size_t Store::Used() const { return MemoryUsed() + TableBytes() + set_aside_; }

/// Moves on what hot and warm hold above their shares.
void Store::Settle() {
  auto settle = [this](Segment segment, size_t share) {
    Queue& queue = QueueOf(segment);
    for (int i = 0; i < kSettleSteps && BytesOf(segment) > share; ++i) {
      Item& last = queue.back();
      bool active = last.active;
      last.active = false;
      Move(last, active ? Segment::kWarm : Segment::kCold);
    }
  };
  settle(Segment::kHot, memory_limit_ / 100 * kHotPercent);
  settle(Segment::kWarm, memory_limit_ / 100 * kWarmPercent);
}

bool Store::EvictOne(Time now) {
  for (int spared = 0;;) {
    Queue* queue = &QueueOf(Segment::kCold);
    if (queue->empty()) queue = &QueueOf(Segment::kWarm);
    if (queue->empty()) queue = &QueueOf(Segment::kHot);
    if (queue->empty()) return false;
    Item& last = queue->back();
    bool ended = last.deadline <= now || IsFlushed(last);
    if (!evicts_ && !ended) return false;
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
    Unlink(last);
    return true;
  }
}

/// Whether an item of `bytes` finds room once `old`, which may be null, is
/// gone. Removes at most what has ended, so not `old`.
bool Store::WillFit(size_t bytes, const Item* old, Time now) {
  if (evicts_) return Used() - MemoryUsed() + bytes <= memory_limit_;
  size_t given_back = old != nullptr ? old->Footprint() : 0;
  while (Used() - given_back + bytes > memory_limit_) {
    if (!EvictOne(now)) return false;
  }
  return true;
}

/// Takes the room that WillFit has found.
void Store::MakeRoom(size_t bytes, Time now) {
  Settle();
  while (Used() + bytes > memory_limit_ && EvictOne(now)) {
  }
}

bool Store::Evict(size_t bytes, Time now) {
  std::lock_guard guard(lock_);
  size_t before = MemoryUsed();
  while (before - MemoryUsed() < bytes) {
    if (!EvictOne(now)) return false;
  }
  return true;
}

bool Store::SetAside(size_t bytes, Time now) {
  std::lock_guard guard(lock_);
  if (!WillFit(bytes, nullptr, now)) return false;
  MakeRoom(bytes, now);
  set_aside_ += bytes;
  return true;
}

void Store::GiveBack(size_t bytes) {
  std::lock_guard guard(lock_);
  set_aside_ -= bytes;
}

/// Doubles the buckets when there are as many items, so that a look-up stays
/// at about one item. Without memory for it the chains get longer.
void Store::GrowIfFull() {
  if (table_.size() < buckets_.size()) return;
  if (Used() + TableBytes() > memory_limit_) return;
  try {
    std::vector<Table::bucket_type> more(buckets_.size() * 2);
    table_.rehash(Table::bucket_traits(more.data(), more.size()));
    buckets_.swap(more);
  } catch (const std::bad_alloc&) {
  }
}

/// Whether `put` may be stored where `old` is, which may be null.
Store::Verdict Store::Judge(const Put& put, const Item* old) {
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
Item::Pointer Store::Extend(const Put& put, const Item& old) const {
  const Item& first = put.mode == Mode::kAppend ? old : *put.item;
  const Item& second = put.mode == Mode::kAppend ? *put.item : old;
  auto whole = MakeSuccessor(old, first.ValueLength() + second.ValueLength());
  auto room = whole->MakeValue();
  first.CopyValue(room.first(first.ValueLength()));
  second.CopyValue(room.subspan(first.ValueLength()));
  return whole;
}

Store::Result Store::Insert(Put put, Time now) {
  Item::Pointer extension;  // these are given back after the lock
  Item::Pointer replaced;
  std::lock_guard guard(lock_);
  if (!put.vivifies) ++counters_.cmd_set;
  Item* old = Find(put.item->Key(), now);
  auto [outcome, stale] = Judge(put, old);
  if (outcome != Outcome::kDone) {
    if (put.mode == Mode::kAdd) old->accessed = Item::Seconds(now);
    return {outcome};
  }
  if (put.mode == Mode::kAppend || put.mode == Mode::kPrepend) {
    size_t length = old->ValueLength() + put.item->ValueLength();
    if (length > value_limit_) return {Outcome::kNotStored};
    try {
      extension = std::exchange(put.item, Extend(put, *old));
    } catch (const std::bad_alloc&) {
      return {Outcome::kNotStored};
    }
  }
  if (stale) {
    put.item->deadline = old->deadline;
    put.item->stale = true;
    put.item->token_sent = old->token_sent;
  }
  size_t needed = put.item->Footprint();
  bool fits = WillFit(needed, old, now);
  if (old != nullptr && (fits || put.mode == Mode::kSet)) {
    replaced = Unlink(*old);
  }
  if (!fits) {
    ++counters_.store_no_memory;
    // As memcached says of what finds no room to grow.
    return {extension != nullptr ? Outcome::kNotStored : Outcome::kOutOfMemory};
  }
  MakeRoom(needed, now);
  return {Outcome::kDone, Link(std::move(put.item), Segment::kHot, now).cas};
}

Store::Sum Store::AddLocked(std::string_view key, const Delta& delta,
                            Time now) {
  bool up = delta.direction == Delta::Direction::kUp;
  Item* item = Find(key, now);
  if (item == nullptr) {
    if (!delta.vivifies) ++(up ? counters_.incr_misses : counters_.decr_misses);
    return {Outcome::kNotFound};
  }
  if (item->ValueLength() == 0) return {Outcome::kNotNumeric};
  if (delta.cas != 0 && delta.cas != item->cas) return {Outcome::kExists};
  char text[kInlineValue];
  auto number = ParseUnsigned({text, item->CopyValue(text)});
  if (!number) return {Outcome::kNotNumeric};
  ++(up ? counters_.incr_hits : counters_.decr_hits);
  uint64_t sum =
      up ? *number + delta.amount : *number - std::min(*number, delta.amount);
  char digits[kLongestNumber];
  auto length = static_cast<size_t>(
      std::to_chars(digits, digits + sizeof digits, sum).ptr - digits);
  // Only what lies in its item can be written to: the rest may be being sent.
  std::span<char> room;
  if (item->IsInline() && length <= item->ValueLength()) {
    room = item->InlineValue();
    item->cas = ++last_cas_;
    item->accessed = Item::Seconds(now);
  } else {
    Item::Pointer next;
    try {
      next = MakeSuccessor(*item, std::max(length, item->ValueLength()));
      room = next->MakeValue();
    } catch (const std::bad_alloc&) {
      return {Outcome::kOutOfMemory};
    }
    if (!WillFit(next->Footprint(), item, now)) return {Outcome::kOutOfMemory};
    Segment segment = item->segment;
    Unlink(*item);
    MakeRoom(next->Footprint(), now);
    item = &Link(std::move(next), segment, now);
  }
  std::memcpy(room.data(), digits, length);
  std::memset(room.data() + length, ' ', room.size() - length);
  return {Outcome::kDone, item, sum};
}

Store::Outcome Store::Delete(std::string_view key, Cas cas, Time now) {
  Item::Pointer removed;  // given back after the lock
  std::lock_guard guard(lock_);
  Item* item = Find(key, now);
  if (item == nullptr || (cas && item->cas != *cas)) {
    ++counters_.delete_misses;
    return item == nullptr ? Outcome::kNotFound : Outcome::kExists;
  }
  ++counters_.delete_hits;
  removed = Unlink(*item);
  return Outcome::kDone;
}

Store::Outcome Store::MarkStale(std::string_view key, Cas cas,
                                std::optional<Time> deadline, Time now) {
  std::lock_guard guard(lock_);
  Item* item = Find(key, now);
  if (item == nullptr || (cas && item->cas != *cas)) {
    ++counters_.delete_misses;
    return item == nullptr ? Outcome::kNotFound : Outcome::kExists;
  }
  if (deadline) item->deadline = *deadline;
  item->stale = true;
  item->token_sent = false;
  item->cas = ++last_cas_;
  return Outcome::kDone;
}

void Store::Flush(Time when, Time now) {
  std::lock_guard guard(lock_);
  ++counters_.cmd_flush;
  flush_at_ = when;
  FlushIfDue(now);
}

void Store::Sweep(size_t buckets, Time now) {
  std::lock_guard guard(lock_);
  FlushIfDue(now);
  for (; buckets > 0; --buckets) {
    if (swept_ >= buckets_.size()) swept_ = 0;
    for (auto i = table_.begin(swept_); i != table_.end(swept_);) {
      Item& item = *i++;
      if (item.deadline > now && !IsFlushed(item)) continue;
      ++counters_.crawler_reclaimed;
      if (!item.fetched) ++counters_.expired_unfetched;
      Unlink(item);
    }
    ++swept_;
  }
}

void Store::Refuse(std::string_view key, bool unlinks, Refusal why, Time now) {
  Item::Pointer removed;  // given back after the lock
  std::lock_guard guard(lock_);
  ++(why == Refusal::kTooLarge ? counters_.store_too_large
                               : counters_.store_no_memory);
  if (!unlinks) return;
  if (Item* item = Find(key, now)) removed = Unlink(*item);
}

Store::Report Store::Read(Time now) const {
  std::lock_guard guard(lock_);
  Report report;
  report.counters = counters_;
  for (size_t i = 0; i < kSegments; ++i) report.items[i] = queues_[i].size();
  report.bytes = MemoryUsed();
  report.hash_bytes = TableBytes();
  report.hash_power = static_cast<unsigned>(std::countr_zero(buckets_.size()));
  report.memory_limit = memory_limit_;
  const Queue& cold = queues_[size_t(Segment::kCold)];
  if (!cold.empty())
    report.oldest_age = Item::Seconds(now) - cold.back().accessed;
  return report;
}

void Store::ResetCounters() {
  std::lock_guard guard(lock_);
  counters_ = {};
}

}  // namespace ebbrt::memcached
