#include "apps/memcached/store.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <utility>

namespace ebbrt::memcached {
namespace {

constexpr int64_t kLongestRelative = 30 * 24 * 60 * 60;
/// Later moments, of the year 2262, are beyond the clock's reach.
constexpr int64_t kLatest = 9'000'000'000;

/// With so many shards for each core, two that change something at once rarely
/// meet: at 8 cores one in 18 where all of them change something all the time.
constexpr size_t kShardsPerCore = 16;
/// So many of the largest values find room in a shard; and with less than so
/// many bytes, a shard would hold little besides its table.
constexpr size_t kLargestInShard = 8;
constexpr size_t kLeastInShard = 256 << 10;
/// How many buckets are swept while others wait for the lock.
constexpr size_t kSweptAtOnce = 64;

}  // namespace

Store::Store() { DivideFor(1); }

size_t Store::LeastInShard() const {
  return std::max(kLargestInShard * limits_.value, kLeastInShard);
}

void Store::DivideFor(size_t cores) {
  size_t count = 1;
  if (cores > 1) {
    const size_t room = limits_.memory / LeastInShard();
    count = std::bit_floor(
        std::clamp<size_t>(room, 1, std::bit_ceil(cores) * kShardsPerCore));
  }
  shards_.clear();
  for (size_t i = 0; i < count; ++i) {
    shards_.push_back(std::make_unique<Shard>(i, count));
  }
  mask_ = count - 1;
  std::lock_guard guard(settings_lock_);
  ShareLimits();
}

size_t Store::LeastMemory() const {
  return shards_.size() == 1 ? 0 : shards_.size() * LeastInShard();
}

/// With settings_lock_ held.
void Store::ShareLimits() {
  Limits part = limits_;
  part.memory /= shards_.size();
  for (auto& shard : shards_) {
    Locked(*shard, [&](Removed&) { shard->SetLimits(part); });
  }
}

void Store::SetMemoryLimit(size_t bytes) {
  std::lock_guard guard(settings_lock_);
  limits_.memory = bytes;
  ShareLimits();
}

void Store::RefuseWhenFull() {
  std::lock_guard guard(settings_lock_);
  limits_.evicts = false;
  ShareLimits();
}

void Store::SetValueLimit(size_t bytes) {
  std::lock_guard guard(settings_lock_);
  limits_.value = bytes;
  ShareLimits();
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

Store::Result Store::Insert(Put put, Time now) {
  return Insert(std::move(put), now, kPeek, [](Item&) {});
}

Store::Outcome Store::Delete(std::string_view key, Cas cas, Time now) {
  return Locked(key, [&](Shard& shard, auto& hashed, Removed& removed) {
    return shard.Delete(hashed, cas, now, removed);
  });
}

Store::Outcome Store::MarkStale(std::string_view key, Cas cas,
                                std::optional<Time> deadline, Time now) {
  return Locked(key, [&](Shard& shard, auto& hashed, Removed& removed) {
    return shard.MarkStale(hashed, cas, deadline, now, removed);
  });
}

void Store::Refuse(std::string_view key, bool unlinks, Refusal why, Time now) {
  Locked(key, [&](Shard& shard, auto& hashed, Removed& removed) {
    shard.Refuse(hashed, unlinks, why, now, removed);
  });
}

void Store::Flush(Time when, Time now) {
  for (auto& shard : shards_) {
    Locked(*shard, [&](Removed&) {
      shard->Flush(when, now);
      if (shard == shards_[0]) shard->CountFlush();
    });
  }
}

bool Store::Evict(size_t bytes, Time now) {
  size_t evicted = 0;
  // Cores that are short of memory at once begin at shards of their own.
  for (size_t i = 0; i < shards_.size() && evicted < bytes; ++i) {
    Shard& shard = *shards_[(platform::CurrentCore() + i) & mask_];
    evicted += Locked(shard, [&](Removed& removed) {
      const size_t before = shard.MemoryUsed();
      while (before - shard.MemoryUsed() < bytes - evicted &&
             shard.EvictOne(now, removed)) {
      }
      return before - shard.MemoryUsed();
    });
  }
  return evicted >= bytes && platform::CoreCount() == 1;
}

std::optional<Store::Place> Store::SetAside(size_t bytes, Time now) {
  // By turns, so that no shard's items pay for all of it.
  const size_t first = ++cores_.Mine().turn;
  for (size_t i = 0; i < shards_.size(); ++i) {
    const Place place = (first + i) & mask_;
    Shard& shard = *shards_[place];
    const bool done = Locked(shard, [&](Removed& removed) {
      return shard.SetAside(bytes, now, removed);
    });
    if (done) return place;
  }
  return std::nullopt;
}

void Store::GiveBack(Place place, size_t bytes) {
  Locked(*shards_[place], [&](Removed&) { shards_[place]->GiveBack(bytes); });
}

void Store::Sweep(size_t buckets, Time now) {
  for (auto& shard : shards_) {
    for (size_t left = (buckets + mask_) / shards_.size(); left > 0;) {
      const size_t part = std::min(left, kSweptAtOnce);
      left -= part;
      Locked(*shard,
             [&](Removed& removed) { shard->Sweep(part, now, removed); });
    }
  }
}

Store::Report Store::Read(Time now) const {
  Report report;
  for (auto& shard : shards_) {
    Locked(*shard, [&](Removed&) { shard->AddTo(report, now); });
  }
  report.accesses = cores_.Total();
  std::lock_guard guard(settings_lock_);
  report.memory_limit = limits_.memory;
  return report;
}

size_t Store::Buckets() const { return Read({}).buckets; }
size_t Store::ItemCount() const { return Read({}).Items(); }
size_t Store::MemoryUsed() const { return Read({}).bytes; }

void Store::ResetCounters() {
  for (auto& shard : shards_) {
    Locked(*shard, [&](Removed&) { shard->ResetCounters(); });
  }
  cores_.ForgetAll();
}

}  // namespace ebbrt::memcached
