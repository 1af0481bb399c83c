// The store: semantics of memcached's items, time moved by hand.
#include "apps/memcached/store.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "apps/memcached/storable.h"
#include "common/future.h"
#include "common/rcu.h"
#include "tests/unit/together.h"

namespace ebbrt::memcached {
namespace {

using namespace std::chrono_literals;
using Mode = Store::Mode;
using Outcome = Store::Outcome;

constexpr Store::Time kNow{1000h};

Item::Pointer MakeItem(const std::string& key, const std::string& value) {
  auto item = Item::Make(key, value.size());
  if (item->IsInline()) {
    value.copy(item->InlineValue().data(), value.size());
  } else {
    item->SetBytes(IOBuf::Copy(value));
  }
  return item;
}

Store::Put MakePut(const std::string& key, const std::string& value,
                   Mode mode = Mode::kSet, uint64_t cas = 0) {
  return {.item = MakeItem(key, value), .mode = mode, .cas = cas};
}

std::optional<std::string> Read(Store& store, const std::string& key,
                                Store::Time now = kNow,
                                Store::Access access = Store::kGet) {
  std::optional<std::string> value;
  store.Visit(key, now, access, [&](const Item& item) {
    value = std::string(item.ValueLength(), '\0');
    item.CopyValue(*value);
  });
  return value;
}

TEST(MemcachedStore, SetReplaceDelete) {
  Store store;
  EXPECT_EQ(Read(store, "a"), std::nullopt);
  EXPECT_EQ(store.Insert(MakePut("a", "1"), kNow).outcome, Outcome::kDone);
  EXPECT_EQ(store.Insert(MakePut("a", "22"), kNow).outcome, Outcome::kDone);
  EXPECT_EQ(Read(store, "a"), "22");
  EXPECT_EQ(store.ItemCount(), 1u);
  EXPECT_EQ(store.Delete("b", {}, kNow), Outcome::kNotFound);
  EXPECT_EQ(store.Delete("a", {}, kNow), Outcome::kDone);
  EXPECT_EQ(Read(store, "a"), std::nullopt);
  EXPECT_EQ(store.MemoryUsed(), 0u);
}

TEST(MemcachedStore, AddAndReplace) {
  Store store;
  EXPECT_EQ(store.Insert(MakePut("a", "1", Mode::kReplace), kNow).outcome,
            Outcome::kNotStored);
  EXPECT_EQ(store.Insert(MakePut("a", "1", Mode::kAdd), kNow).outcome,
            Outcome::kDone);
  EXPECT_EQ(store.Insert(MakePut("a", "2", Mode::kAdd), kNow).outcome,
            Outcome::kNotStored);
  EXPECT_EQ(Read(store, "a"), "1");
  EXPECT_EQ(store.Insert(MakePut("a", "3", Mode::kReplace), kNow).outcome,
            Outcome::kDone);
  EXPECT_EQ(Read(store, "a"), "3");
}

TEST(MemcachedStore, CasIsUniqueAndGuards) {
  Store store;
  EXPECT_EQ(store.Insert(MakePut("a", "1", Mode::kCas, 7), kNow).outcome,
            Outcome::kNotFound);
  auto first = store.Insert(MakePut("a", "1"), kNow);
  auto second = store.Insert(MakePut("a", "2"), kNow);
  EXPECT_NE(first.cas, second.cas);
  auto late = store.Insert(MakePut("a", "3", Mode::kCas, first.cas), kNow);
  EXPECT_EQ(late.outcome, Outcome::kExists);
  EXPECT_EQ(store.Delete("a", first.cas, kNow), Outcome::kExists);
  auto third = store.Insert(MakePut("a", "3", Mode::kCas, second.cas), kNow);
  EXPECT_EQ(third.outcome, Outcome::kDone);
  EXPECT_EQ(store.Delete("a", third.cas, kNow), Outcome::kDone);
}

TEST(MemcachedStore, Expiry) {
  Store store;
  auto put = MakePut("a", "1");
  put.item->deadline = Store::Deadline(10, kNow);
  EXPECT_EQ(put.item->deadline.Load(), kNow + 10s);
  store.Insert(std::move(put), kNow);
  EXPECT_EQ(Read(store, "a", kNow + 9s), "1");
  // An expired item is none for an Add, and doesn't count.
  EXPECT_EQ(store.Insert(MakePut("a", "2", Mode::kReplace), kNow + 10s).outcome,
            Outcome::kNotStored);
  EXPECT_EQ(store.ItemCount(), 0u);
  EXPECT_EQ(store.Insert(MakePut("a", "2", Mode::kAdd), kNow + 10s).outcome,
            Outcome::kDone);
  EXPECT_EQ(Read(store, "a", kNow + 1000000h), "2");
}

TEST(MemcachedStore, DeadlinesOfBothKinds) {
  EXPECT_EQ(Store::Deadline(0, kNow), Store::Time::max());
  EXPECT_EQ(Store::Deadline(-1, kNow), kNow);
  EXPECT_EQ(Store::Deadline(30 * 24 * 3600, kNow), kNow + 720h);
  EXPECT_EQ(Store::Deadline(INT64_MAX, kNow), Store::Time::max());
  EXPECT_LE(Store::Deadline(30 * 24 * 3600 + 1, kNow), kNow);  // in 1970
  auto unix_time = std::chrono::duration_cast<std::chrono::seconds>(
      std::chrono::system_clock::now().time_since_epoch());
  // A node without a clock chip begins in 1970, where no moment is absolute.
  if (unix_time < 1000h) GTEST_SKIP() << "this node does not know the date";
  auto in_an_hour =
      Store::Deadline(static_cast<uint32_t>(unix_time.count()) + 3600, kNow);
  EXPECT_GT(in_an_hour, kNow + 3590s);
  EXPECT_LE(in_an_hour, kNow + 3600s);
}

/// What the table alone takes, and so much for items.
constexpr size_t kTable = 1024 * sizeof(void*);

TEST(MemcachedStore, TheMemoryLimitHoldsByEvicting) {
  Store store;
  store.SetMemoryLimit(kTable + 10000);
  for (unsigned i = 0; i < 1000; ++i) {
    auto key = "key" + std::to_string(i);
    ASSERT_EQ(store.Insert(MakePut(key, "value"), kNow).outcome,
              Outcome::kDone);
    ASSERT_LE(store.MemoryUsed(), 10000u);
    ASSERT_EQ(Read(store, key), "value");
  }
  auto report = store.Read(kNow);
  EXPECT_GT(store.ItemCount(), 50u);
  EXPECT_EQ(report.counters.evictions, 1000 - store.ItemCount());
  EXPECT_EQ(Read(store, "key0"), std::nullopt);
}

TEST(MemcachedStore, WhatIsReadAgainStays) {
  Store store;
  store.SetMemoryLimit(kTable + 10000);
  for (int i = 0; i < 10; ++i) {
    store.Insert(MakePut("used" + std::to_string(i), "value"), kNow);
  }
  for (unsigned i = 0; i < 2000; ++i) {
    store.Insert(MakePut("once" + std::to_string(i), "value"), kNow);
    ASSERT_TRUE(Read(store, "used" + std::to_string(i % 10))) << i;
  }
  EXPECT_GT(store.Read(kNow).counters.moves_to_warm, 0u);
}

/// Stores items, each of them read `reads` times, until `done` says so.
template <typename Done>
void Flood(Store& store, int reads, Done done) {
  for (int i = 0; !done(store.Read(kNow)); ++i) {
    ASSERT_LT(i, 10000);
    auto key = "flood" + std::to_string(i);
    store.Insert(MakePut(key, "value"), kNow);
    for (int read = 0; read < reads; ++read) Read(store, key);
  }
}

TEST(MemcachedStore, WarmHoldsNoMoreThanItsShare) {
  constexpr size_t kLimit = kTable + 100'000;
  Store store;
  store.SetMemoryLimit(kLimit);
  Flood(store, 2, [](const auto& now) { return now.counters.evictions > 500; });
  auto report = store.Read(kNow);
  EXPECT_GT(report.counters.moves_to_warm, 0u);
  size_t footprint = report.bytes / report.Items();
  EXPECT_LE(report.items[size_t(Segment::kWarm)],
            kLimit / 100 * 40 / footprint + 2);
}

TEST(MemcachedStore, WhatIsReadAgainWhenColdIsSpared) {
  Store store;
  store.SetMemoryLimit(kTable + 10000);
  store.Insert(MakePut("spared", "value"), kNow);
  Flood(store, 0, [](const auto& now) { return now.counters.moves_to_cold; });
  for (int i = 0; i < 2; ++i) Read(store, "spared");
  EXPECT_EQ(store.Read(kNow).counters.moves_to_warm, 0u);
  Flood(store, 0, [](const auto& now) { return now.counters.evictions > 5; });
  EXPECT_TRUE(Read(store, "spared"));
  EXPECT_EQ(store.Read(kNow).counters.moves_to_warm, 1u);
  // But room is found at once though everything is in use.
  for (int i = 0; i < 2000; ++i) Read(store, "flood" + std::to_string(i / 2));
  for (int i = 0; i < 3; ++i) {
    store.Insert(MakePut("late" + std::to_string(i), "value"), kNow);
  }
  EXPECT_GT(store.Read(kNow).counters.evicted_active, 0u);
}

TEST(MemcachedStore, ExpiredItemsGoBeforeOthersAreEvicted) {
  Store store;
  store.SetMemoryLimit(kTable + 10000);
  auto put = MakePut("short", "lived");
  put.item->deadline = kNow + 1s;
  store.Insert(std::move(put), kNow);
  auto counters = [&] { return store.Read(kNow).counters; };
  for (int i = 0; counters().reclaimed + counters().evictions == 0; ++i) {
    store.Insert(MakePut("key" + std::to_string(i), "value"), kNow + 2s);
  }
  EXPECT_EQ(counters().reclaimed, 1u);
  EXPECT_EQ(counters().evictions, 0u);
}

TEST(MemcachedStore, WhatIsSetAsideTakesRoomFromItems) {
  Store store;
  store.SetMemoryLimit(kTable + 10000);
  Flood(store, 0, [](const auto& now) { return now.counters.evictions > 0; });
  const auto place = store.SetAside(6000, kNow);
  ASSERT_TRUE(place);
  EXPECT_LE(store.MemoryUsed(), 4000u);
  EXPECT_FALSE(store.SetAside(6000, kNow));
  std::string large(5000, 'x');
  EXPECT_EQ(store.Insert(MakePut("a", large), kNow).outcome,
            Outcome::kOutOfMemory);
  store.GiveBack(*place, 6000);
  EXPECT_EQ(store.Insert(MakePut("a", large), kNow).outcome, Outcome::kDone);
  store.RefuseWhenFull();
  EXPECT_FALSE(store.SetAside(6000, kNow));
  EXPECT_EQ(Read(store, "a"), large);
}

TEST(MemcachedStore, TheTableGrowsWithinTheLimitOnly) {
  Store store;
  auto fill = [&] {
    for (int i = 1000; i < 3000; ++i) {
      store.Insert(MakePut("key" + std::to_string(i), ""), kNow);
      auto report = store.Read(kNow);
      ASSERT_LE(report.bytes + report.hash_bytes, report.memory_limit);
    }
  };
  store.Insert(MakePut("key1000", ""), kNow);
  // For more items than the table has buckets, not for a larger table.
  store.SetMemoryLimit(1030 * store.MemoryUsed() + kTable);
  fill();
  EXPECT_EQ(store.Read(kNow).hash_bytes, kTable);
  EXPECT_GT(store.ItemCount(), 1024u);
  store.SetMemoryLimit(SIZE_MAX);
  fill();
  EXPECT_EQ(store.Read(kNow).hash_bytes, 2 * kTable);
}

TEST(MemcachedStore, WhatCannotFitIsRefusedAndEndsOnlyWhatItReplaces) {
  Store store;
  store.SetMemoryLimit(kTable + 10000);
  store.Insert(MakePut("a", "1"), kNow);
  store.Insert(MakePut("b", "1"), kNow);
  std::string large(20000, 'x');
  EXPECT_EQ(store.Insert(MakePut("a", large, Mode::kReplace), kNow).outcome,
            Outcome::kOutOfMemory);
  EXPECT_EQ(Read(store, "a"), "1");
  EXPECT_EQ(store.Insert(MakePut("a", large), kNow).outcome,
            Outcome::kOutOfMemory);
  EXPECT_EQ(Read(store, "a"), std::nullopt);
  EXPECT_EQ(Read(store, "b"), "1");
}

TEST(MemcachedStore, WithoutEvictionFullIsAnError) {
  Store store;
  store.SetMemoryLimit(kTable + 10000);
  store.RefuseWhenFull();
  unsigned stored = 0;
  while (store.Insert(MakePut("key" + std::to_string(stored), "value"), kNow)
             .outcome == Outcome::kDone) {
    ASSERT_LT(++stored, 1000u);
  }
  EXPECT_EQ(store.ItemCount(), stored);
  EXPECT_EQ(store.Delete("key1", {}, kNow), Outcome::kDone);
  EXPECT_EQ(store.Insert(MakePut("keyX", "value"), kNow).outcome,
            Outcome::kDone);
}

TEST(MemcachedStore, WithoutEvictionWhatFindsNoRoomLosesNothing) {
  Store store;
  store.RefuseWhenFull();
  uint64_t cas = store.Insert(MakePut("a", "1"), kNow).cas;
  store.Insert(MakePut("n", "9"), kNow);
  store.SetMemoryLimit(kTable + store.MemoryUsed());  // not a byte is free
  for (Mode mode :
       {Mode::kReplace, Mode::kAppend, Mode::kPrepend, Mode::kCas}) {
    bool grows = mode == Mode::kAppend || mode == Mode::kPrepend;
    EXPECT_EQ(store.Insert(MakePut("a", "22", mode, cas), kNow).outcome,
              grows ? Outcome::kNotStored : Outcome::kOutOfMemory);
    EXPECT_EQ(Read(store, "a"), "1");
  }
  EXPECT_EQ(store.Add("n", {.amount = 9}, kNow, [](Item&, uint64_t) {}),
            Outcome::kOutOfMemory);
  EXPECT_EQ(Read(store, "n"), "9");
  // As large as before: for that there is room.
  EXPECT_EQ(store.Insert(MakePut("a", "2", Mode::kReplace), kNow).outcome,
            Outcome::kDone);
  // What a Set was to replace ends all the same.
  EXPECT_EQ(store.Insert(MakePut("a", "22"), kNow).outcome,
            Outcome::kOutOfMemory);
  EXPECT_EQ(Read(store, "a"), std::nullopt);
}

TEST(MemcachedStore, EvictMakesRoomForOthers) {
  Store store;
  for (int i = 0; i < 100; ++i) {
    store.Insert(MakePut("key" + std::to_string(i), "value"), kNow);
  }
  size_t before = store.MemoryUsed();
  // With several cores, some may still be reading what has been evicted.
  EXPECT_EQ(store.Evict(1000, kNow), platform::CoreCount() == 1);
  EXPECT_LE(store.MemoryUsed(), before - 1000);
  EXPECT_FALSE(store.Evict(before, kNow));
  EXPECT_EQ(store.ItemCount(), 0u);
}

TEST(MemcachedStore, AppendAndPrepend) {
  Store store;
  EXPECT_EQ(store.Insert(MakePut("a", "x", Mode::kAppend), kNow).outcome,
            Outcome::kNotStored);
  auto put = MakePut("a", "middle");
  put.item->flags = 7;
  auto first = store.Insert(std::move(put), kNow);
  EXPECT_EQ(store.Insert(MakePut("a", " end", Mode::kAppend), kNow).outcome,
            Outcome::kDone);
  EXPECT_EQ(store.Insert(MakePut("a", "begin ", Mode::kPrepend), kNow).outcome,
            Outcome::kDone);
  EXPECT_EQ(Read(store, "a"), "begin middle end");
  store.Visit("a", kNow, Store::kPeek,
              [](const Item& item) { EXPECT_EQ(item.flags, 7u); });
  EXPECT_EQ(
      store.Insert(MakePut("a", "x", Mode::kAppend, first.cas), kNow).outcome,
      Outcome::kExists);
  // Through the length above which values aren't in their items any more.
  std::string expected = "begin middle end";
  for (int i = 0; i < 40; ++i) {
    std::string more(50, static_cast<char>('a' + i % 26));
    store.Insert(MakePut("a", more, Mode::kAppend), kNow);
    expected += more;
    ASSERT_EQ(Read(store, "a"), expected);
  }
  store.SetValueLimit(expected.size());
  EXPECT_EQ(store.Insert(MakePut("a", "x", Mode::kAppend), kNow).outcome,
            Outcome::kNotStored);
  EXPECT_EQ(Read(store, "a"), expected);
}

TEST(MemcachedStore, NumbersWrapStopAtZeroAndKeepTheirWidth) {
  Store store;
  using Direction = Store::Delta::Direction;
  auto add = [&](uint64_t amount, Direction direction = Direction::kUp) {
    uint64_t sum = 0;
    auto outcome = store.Add("n", {.direction = direction, .amount = amount},
                             kNow, [&](Item&, uint64_t n) { sum = n; });
    EXPECT_EQ(outcome, Outcome::kDone);
    return sum;
  };
  EXPECT_EQ(store.Add("n", {}, kNow, [](Item&, uint64_t) { FAIL(); }),
            Outcome::kNotFound);
  store.Insert(MakePut("n", "99"), kNow);
  EXPECT_EQ(add(1), 100u);
  EXPECT_EQ(Read(store, "n"), "100");
  EXPECT_EQ(add(91, Direction::kDown), 9u);
  EXPECT_EQ(Read(store, "n"), "9  ");
  EXPECT_EQ(add(10, Direction::kDown), 0u);
  EXPECT_EQ(add(UINT64_MAX), UINT64_MAX);
  EXPECT_EQ(Read(store, "n"), "18446744073709551615");
  EXPECT_EQ(add(2), 1u);
  for (const char* text : {"", "x", "-1", "1x", "18446744073709551616"}) {
    store.Insert(MakePut("n", text), kNow);
    EXPECT_EQ(store.Add("n", {}, kNow, [](Item&, uint64_t) { FAIL(); }),
              Outcome::kNotNumeric)
        << text;
    EXPECT_EQ(Read(store, "n"), text);
  }
  EXPECT_EQ(store.Insert(MakePut("n", "1"), kNow).outcome, Outcome::kDone);
  EXPECT_EQ(store.Add("n", {.cas = 1}, kNow, [](Item&, uint64_t) { FAIL(); }),
            Outcome::kExists);
}

TEST(MemcachedStore, ANumberThatFitsStaysWhereItIs) {
  Store store;
  store.SetMemoryLimit(kTable + 10000);
  auto add = [&] { return store.Add("n", {}, kNow, [](Item&, uint64_t) {}); };
  auto marks = [&] {
    std::string marks;
    store.Visit("n", kNow, Store::kPeek, [&](const Item& item) {
      marks = std::string(item.fetched ? "fetched " : "") +
              (item.stale ? "stale" : "");
    });
    return marks;
  };
  store.Insert(MakePut("n", "98"), kNow);
  Read(store, "n");
  store.MarkStale("n", {}, {}, kNow);
  EXPECT_EQ(add(), Outcome::kDone);
  EXPECT_EQ(marks(), "fetched stale");
  EXPECT_EQ(store.Read(kNow).counters.total_items, 1u);
  EXPECT_EQ(add(), Outcome::kDone);  // one that grows is another
  EXPECT_EQ(marks(), "");
  EXPECT_EQ(store.Read(kNow).counters.total_items, 2u);
  // To be counted up saves no item: it has its turn as the others have.
  int stored = 0;
  while (add() == Outcome::kDone && stored < 1000) {
    store.Insert(MakePut("key" + std::to_string(++stored), "value"), kNow);
  }
  EXPECT_EQ(store.Read(kNow).counters.evictions, 1u);
}

TEST(MemcachedStore, WhatWasReadLaterIsNoAgeOld) {
  Store store;
  store.Insert(MakePut("a", "1"), kNow);
  Read(store, "a", kNow + 5s);
  store.Visit("a", kNow, Store::kPeek, [&](const Item& item) {
    EXPECT_EQ(item.SecondsAlone(kNow + 7s), 2u);
    EXPECT_EQ(item.SecondsAlone(kNow), 0u);
  });
}

TEST(MemcachedStore, FlushNowAndLater) {
  Store store;
  store.Insert(MakePut("a", "1"), kNow);
  store.Flush(kNow, kNow);
  EXPECT_EQ(Read(store, "a"), std::nullopt);
  store.Insert(MakePut("a", "2"), kNow);
  EXPECT_EQ(Read(store, "a"), "2");
  store.Flush(kNow + 10s, kNow);
  EXPECT_EQ(Read(store, "a", kNow + 9s), "2");
  store.Insert(MakePut("b", "3"), kNow + 9s);
  EXPECT_EQ(Read(store, "a", kNow + 10s), std::nullopt);
  EXPECT_EQ(Read(store, "b", kNow + 10s), std::nullopt);
  store.Insert(MakePut("c", "4"), kNow + 10s);
  EXPECT_EQ(Read(store, "c", kNow + 20s), "4");
}

TEST(MemcachedStore, SweepingRemovesWhatHasEnded) {
  Store store;
  for (int i = 0; i < 100; ++i) {
    auto put = MakePut("key" + std::to_string(i), "value");
    if (i % 2 == 0) put.item->deadline = kNow + 1s;
    store.Insert(std::move(put), kNow);
  }
  store.Sweep(store.Buckets(), kNow);
  EXPECT_EQ(store.ItemCount(), 100u);
  for (int part = 0; part < 4; ++part) {
    store.Sweep(store.Buckets() / 4, kNow + 1s);
  }
  EXPECT_EQ(store.ItemCount(), 50u);
  EXPECT_EQ(store.Read(kNow).counters.crawler_reclaimed, 50u);
  store.Flush(kNow + 2s, kNow + 1s);
  store.Sweep(store.Buckets(), kNow + 2s);
  EXPECT_EQ(store.ItemCount(), 0u);
  EXPECT_EQ(store.MemoryUsed(), 0u);
}

TEST(MemcachedStore, ManyItemsThroughSeveralGrowths) {
  Store store;
  constexpr int kItems = 20000;
  for (int i = 0; i < kItems; ++i) {
    auto key = "key-" + std::to_string(i);
    ASSERT_EQ(store.Insert(MakePut(key, key), kNow).outcome, Outcome::kDone);
  }
  for (int i = 0; i < kItems; ++i) {
    auto key = "key-" + std::to_string(i);
    ASSERT_EQ(Read(store, key), key);
  }
  for (int i = 0; i < kItems; i += 2) {
    ASSERT_EQ(store.Delete("key-" + std::to_string(i), {}, kNow),
              Outcome::kDone);
  }
  EXPECT_EQ(store.ItemCount(), size_t{kItems / 2});
  EXPECT_EQ(Read(store, "key-2"), std::nullopt);
  EXPECT_EQ(Read(store, "key-3"), "key-3");
}

TEST(MemcachedStore, AValueBeingSentOutlivesItsItem) {
  Store store;
  store.Insert(MakePut("a", std::string(1000, 'x')), kNow);
  std::unique_ptr<IOBuf> window;
  store.Visit("a", kNow, Store::kGet,
              [&](const Item& item) { window = item.Bytes().Clone(); });
  store.Delete("a", {}, kNow);
  EXPECT_EQ(window->ToString(), std::string(1000, 'x'));
  // Until then another core might be reading the item.
  for (int waits = 0; window->IsShared() && waits < 1000; ++waits) {
    SleepFor(5ms).Get();
  }
  EXPECT_FALSE(window->IsShared());
}

// --- on several cores --------------------------------------------------------

/// After it, what this core retired before is given back.
void LetAllPass() {
  Rcu::Retired last;
  static std::atomic<bool> passed;
  passed = false;
  rcu->Retire(
      last, [](Rcu::Retired&) { passed = true; }, 0);
  for (int waits = 0; !passed && waits < 6000; ++waits) SleepFor(5ms).Get();
  ASSERT_TRUE(passed);
}

TEST(MemcachedStore, WhoReadsFindsTheOldValueOrTheNew) {
  Store store;
  store.DivideFor(platform::CoreCount());
  auto value = [](int n) {
    return std::to_string(n) + ' ' + std::to_string(n);
  };
  store.Insert(MakePut("a", value(0)), kNow);
  constexpr int kValues = 1000;  // in a round
  constexpr int kRounds = 10;
  std::vector<int> last(platform::CoreCount());  // that each core has seen
  // And whatever it has found in an event.
  std::vector<std::vector<std::pair<const Item*, int>>> found(
      platform::CoreCount());
  for (int round = 0; round < kRounds; ++round) {
    for (auto& of_core : found) of_core.clear();
    LookWhileChanging(
        [&] {
          for (int i = 1; i <= kValues; ++i) {
            store.Insert(MakePut("a", value(kValues * round + i)), kNow);
          }
        },
        [&] {
          const CoreId core = platform::CurrentCore();
          int n = -1;
          const Item* item = nullptr;
          auto text = [](const Item& seen) {
            return std::string(seen.InlineValue().begin(),
                               seen.InlineValue().end());
          };
          store.Visit("a", kNow, Store::kGet, [&](const Item& seen) {
            item = &seen;
            n = std::stoi(text(seen));
            ASSERT_EQ(text(seen), value(n));
          });
          ASSERT_GE(n, last[core]);
          if (n > last[core]) found[core].emplace_back(item, n);
          last[core] = n;
          if (n < kValues * (round + 1)) return;
          // The event's last look: at all that it has found.
          for (auto [seen, number] : found[core]) {
            ASSERT_EQ(text(*seen), value(number));
          }
        });
  }
  EXPECT_EQ(Read(store, "a"), value(kRounds * kValues));
  EXPECT_EQ(store.ItemCount(), 1u);
}

TEST(MemcachedStore, WhoReadsFindsAllWhileTheTableGrows) {
  Store store;
  constexpr int kFixed = 1000;
  for (int i = 0; i < kFixed; ++i) {
    store.Insert(MakePut("fixed" + std::to_string(i), "value"), kNow);
  }
  const size_t before = store.Buckets();
  int more = 0;
  int gone = 0;
  std::vector<int> next(platform::CoreCount());
  for (int growth = 1; growth <= 4; ++growth) {
    LookWhileChanging(
        [&] {
          while (store.Buckets() < before << growth && more < 10'000) {
            const auto n = std::to_string(more++);
            store.Insert(MakePut("more" + n, n), kNow);
            if (more % 200 != 0) continue;
            const auto odd = std::to_string(2 * gone++ + 1);
            store.Delete("fixed" + odd, {}, kNow);
          }
        },
        [&] {
          int& n = next[platform::CurrentCore()];
          n = (n + 2) % kFixed;
          ASSERT_TRUE(Read(store, "fixed" + std::to_string(n))) << n;
          // What another core removes meanwhile is there or not, and whole.
          const auto value = Read(store, "fixed" + std::to_string(n + 1));
          ASSERT_TRUE(!value || *value == "value");
        });
    LetAllPass();
  }
  EXPECT_EQ(store.Buckets(), 16 * before);
  EXPECT_EQ(store.ItemCount(), static_cast<size_t>(kFixed + more - gone));
  for (int i = 0; i < more; ++i) {
    ASSERT_EQ(Read(store, "more" + std::to_string(i)), std::to_string(i));
  }
}

TEST(MemcachedStore, TheTableGrowsOnceWhileAnEventMayReadTheOldOne) {
  Store store;
  const size_t before = store.Buckets();
  size_t stored = 0;
  auto store_more = [&] {
    for (const size_t end = stored + 5 * before; stored < end; ++stored) {
      store.Insert(MakePut(std::to_string(stored), ""), kNow);
    }
  };
  if (platform::CoreCount() == 1) {
    store_more();
    EXPECT_EQ(store.Buckets(), 8 * before);
    return;
  }
  {
    BusyCore reader(platform::CurrentCore() == 0 ? 1 : 0);
    for (int i = 0; i < 3; ++i) {
      store_more();
      SleepFor(500ms).Get();  // if nobody read, all would have passed
    }
    EXPECT_EQ(store.Buckets(), 2 * before);
  }
  LetAllPass();
  store_more();
  EXPECT_EQ(store.Buckets(), 4 * before);
}

TEST(MemcachedStore, AllCoresChangeTheSame) {
  constexpr int kTimes = 1000;  // in a round
  constexpr int kRounds = 5;
  Store store;
  store.DivideFor(platform::CoreCount());
  store.SetMemoryLimit(4 << 20);
  store.Insert(MakePut("n", "0"), kNow);
  auto timed = MakePut("timed", "value");
  timed.item->deadline = kNow + 1s;
  store.Insert(std::move(timed), kNow);
  std::atomic<int> removed{0};
  for (int round = 0; round < kRounds; ++round) {
    RunTogether([&] {
      for (int i = 0; i < kTimes; ++i) {
        EXPECT_EQ(store.Add("n", {}, kNow, [](Item&, uint64_t) {}),
                  Outcome::kDone);
        const auto key = "once" + std::to_string(i);
        store.Insert(MakePut(key, "value", Mode::kAdd), kNow);
        if (store.Delete(key, {}, kNow) == Outcome::kDone) ++removed;
      }
      for (int i = 0; i < kTimes; ++i) {
        auto delay = [](Item& item) {
          const auto before = item.deadline.Load();
          for (int spins = 0; spins < 20; ++spins) platform::CpuRelax();
          item.deadline = before + 1s;
        };
        EXPECT_TRUE(store.Change("timed", kNow, Store::kTouch, delay));
      }
      const auto core = std::to_string(platform::CurrentCore());
      store.Insert(MakePut(core, std::string(2000, 'x')), kNow);
    });
  }
  const size_t cores = platform::CoreCount();
  const size_t changes = cores * kRounds * kTimes;
  EXPECT_EQ(Read(store, "n"), std::to_string(changes));
  store.Visit("timed", kNow, Store::kPeek, [&](const Item& item) {
    EXPECT_EQ(item.deadline.Load(), kNow + 1s + std::chrono::seconds(changes));
  });
  const auto counters = store.Read(kNow).counters;
  EXPECT_EQ(counters.incr_hits, changes);
  EXPECT_EQ(store.Read(kNow).accesses.touch_hits, changes);
  // A value that two cores stored was there once for each that removed it.
  EXPECT_EQ(removed, counters.delete_hits);
  EXPECT_EQ(counters.delete_hits + counters.delete_misses, changes);
  EXPECT_EQ(store.ItemCount(), 2 + cores);
}

TEST(MemcachedStore, WhatIsSetAsideIsOfAllShards) {
  Store store;
  store.SetMemoryLimit(64 << 20);
  store.DivideFor(4);
  ASSERT_EQ(store.Buckets(), 8u * 1024);
  std::vector<Store::Place> places;
  constexpr size_t kPart = 3 << 19;  // five of them find room in a shard
  while (auto place = store.SetAside(kPart, kNow)) places.push_back(*place);
  EXPECT_EQ(places.size(), 40u);
  EXPECT_EQ(std::set<Store::Place>(places.begin(), places.begin() + 8).size(),
            8u);
  // Wherever there is room, it's found, whose turn it may be.
  for (int i = 0; i < 20; ++i) {
    store.GiveBack(places[0], kPart);
    ASSERT_EQ(store.SetAside(kPart, kNow), places[0]);
  }
  for (auto place : places) store.GiveBack(place, kPart);
  EXPECT_TRUE(store.SetAside(kPart, kNow));
}

TEST(MemcachedStore, ShardsShareTheLimitAndNumberNoChangeTwice) {
  Store store;
  store.SetValueLimit(1000);
  constexpr size_t kLimit = 1 << 20;
  store.SetMemoryLimit(kLimit);
  store.DivideFor(4);
  EXPECT_EQ(store.Buckets(), 4u * 1024);
  EXPECT_EQ(store.LeastMemory(), kLimit);
  std::set<uint64_t> numbers;
  for (int i = 0; i < 20'000; ++i) {
    auto result = store.Insert(MakePut("key" + std::to_string(i), "v"), kNow);
    ASSERT_EQ(result.outcome, Outcome::kDone);
    ASSERT_TRUE(numbers.insert(result.cas).second);
  }
  auto report = store.Read(kNow);
  EXPECT_LE(report.bytes + report.hash_bytes, kLimit);
  EXPECT_GT(report.bytes + report.hash_bytes, kLimit / 10 * 9);
  EXPECT_EQ(report.Items() + report.counters.evictions, 20'000u);
  // Values that are large for the limit would not fit into so many.
  store.SetValueLimit(kLimit);
  store.DivideFor(4);
  EXPECT_EQ(store.Buckets(), 1024u);
  // Whatever was counted belongs to all of them.
  for (int i = 0; i < 100; ++i) Read(store, "key" + std::to_string(i));
  EXPECT_EQ(store.Read(kNow).accesses.get_misses, 100u);
  store.ResetCounters();
  EXPECT_EQ(store.Read(kNow).accesses.get_misses, 0u);
}

}  // namespace
}  // namespace ebbrt::memcached
