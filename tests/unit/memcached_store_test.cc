// The store: semantics of memcached's items, time moved by hand.
#include "apps/memcached/store.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

#include "apps/memcached/storable.h"

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
  store.Visit(key, now, access, [&](Item& item) {
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
  EXPECT_EQ(put.item->deadline, kNow + 10s);
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
  EXPECT_TRUE(store.SetAside(6000, kNow));
  EXPECT_LE(store.MemoryUsed(), 4000u);
  EXPECT_FALSE(store.SetAside(6000, kNow));
  std::string large(5000, 'x');
  EXPECT_EQ(store.Insert(MakePut("a", large), kNow).outcome,
            Outcome::kOutOfMemory);
  store.GiveBack(6000);
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
  EXPECT_TRUE(store.Evict(1000, kNow));
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
              [](Item& item) { EXPECT_EQ(item.flags, 7u); });
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
              [&](Item& item) { window = item.Bytes().Clone(); });
  store.Delete("a", {}, kNow);
  EXPECT_EQ(window->ToString(), std::string(1000, 'x'));
  EXPECT_FALSE(window->IsShared());
}

}  // namespace
}  // namespace ebbrt::memcached
