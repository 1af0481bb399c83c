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

Store::Put MakePut(const std::string& key, const std::string& value,
                   Mode mode = Mode::kSet, uint64_t cas = 0) {
  Store::Put put;
  put.mode = mode;
  put.bytes = IOBuf::Copy(key + value);
  put.key_length = static_cast<uint16_t>(key.size());
  put.cas = cas;
  return put;
}

std::optional<std::string> Read(Store& store, const std::string& key,
                                Store::Time now = kNow) {
  std::optional<std::string> value;
  store.Get(key, now, [&](const Item& item) {
    value = item.bytes->ToString().substr(item.key_length);
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
  EXPECT_EQ(store.Delete("b", 0, kNow), Outcome::kNotFound);
  EXPECT_EQ(store.Delete("a", 0, kNow), Outcome::kDone);
  EXPECT_EQ(Read(store, "a"), std::nullopt);
  EXPECT_EQ(store.MemoryUsed(), 0u);
}

TEST(MemcachedStore, AddAndReplace) {
  Store store;
  EXPECT_EQ(store.Insert(MakePut("a", "1", Mode::kReplace), kNow).outcome,
            Outcome::kNotFound);
  EXPECT_EQ(store.Insert(MakePut("a", "1", Mode::kAdd), kNow).outcome,
            Outcome::kDone);
  EXPECT_EQ(store.Insert(MakePut("a", "2", Mode::kAdd), kNow).outcome,
            Outcome::kExists);
  EXPECT_EQ(Read(store, "a"), "1");
  EXPECT_EQ(store.Insert(MakePut("a", "3", Mode::kReplace), kNow).outcome,
            Outcome::kDone);
  EXPECT_EQ(Read(store, "a"), "3");
}

TEST(MemcachedStore, CasIsUniqueAndGuards) {
  Store store;
  EXPECT_EQ(store.Insert(MakePut("a", "1", Mode::kSet, 7), kNow).outcome,
            Outcome::kNotFound);
  auto first = store.Insert(MakePut("a", "1"), kNow);
  auto second = store.Insert(MakePut("a", "2"), kNow);
  EXPECT_NE(first.cas, second.cas);
  auto late = store.Insert(MakePut("a", "3", Mode::kSet, first.cas), kNow);
  EXPECT_EQ(late.outcome, Outcome::kExists);
  EXPECT_EQ(store.Delete("a", first.cas, kNow), Outcome::kExists);
  auto third = store.Insert(MakePut("a", "3", Mode::kSet, second.cas), kNow);
  EXPECT_EQ(third.outcome, Outcome::kDone);
  EXPECT_EQ(store.Delete("a", third.cas, kNow), Outcome::kDone);
}

TEST(MemcachedStore, Expiry) {
  Store store;
  auto put = MakePut("a", "1");
  put.deadline = Store::Deadline(10, kNow);
  EXPECT_EQ(put.deadline, kNow + 10s);
  store.Insert(std::move(put), kNow);
  EXPECT_EQ(Read(store, "a", kNow + 9s), "1");
  // An expired item is none for an Add, and doesn't count.
  EXPECT_EQ(store.Insert(MakePut("a", "2", Mode::kReplace), kNow + 10s).outcome,
            Outcome::kNotFound);
  EXPECT_EQ(store.ItemCount(), 0u);
  EXPECT_EQ(store.Insert(MakePut("a", "2", Mode::kAdd), kNow + 10s).outcome,
            Outcome::kDone);
  EXPECT_EQ(Read(store, "a", kNow + 1000000h), "2");
}

TEST(MemcachedStore, DeadlinesOfBothKinds) {
  EXPECT_EQ(Store::Deadline(0, kNow), Store::Time::max());
  EXPECT_EQ(Store::Deadline(30 * 24 * 3600, kNow), kNow + 720h);
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

TEST(MemcachedStore, TheMemoryLimitHolds) {
  Store store;
  store.SetMemoryLimit(10000);
  unsigned stored = 0;
  while (store.Insert(MakePut("key" + std::to_string(stored), "value"), kNow)
             .outcome == Outcome::kDone) {
    ASSERT_LT(++stored, 1000u);
  }
  EXPECT_GT(stored, 20u);
  EXPECT_LE(store.MemoryUsed(), 10000u);
  // An Add that is refused changes nothing, a Set ends the old value.
  EXPECT_EQ(store.Insert(MakePut("keyX", "value", Mode::kAdd), kNow).outcome,
            Outcome::kOutOfMemory);
  EXPECT_EQ(store.ItemCount(), stored);
  EXPECT_EQ(store.Insert(MakePut("key0", std::string(5000, 'x')), kNow).outcome,
            Outcome::kOutOfMemory);
  EXPECT_EQ(Read(store, "key0"), std::nullopt);
  EXPECT_EQ(store.Delete("key1", 0, kNow), Outcome::kDone);
  EXPECT_EQ(store.Insert(MakePut("keyX", "value"), kNow).outcome,
            Outcome::kDone);
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
    ASSERT_EQ(store.Delete("key-" + std::to_string(i), 0, kNow),
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
  store.Get("a", kNow, [&](const Item& item) { window = item.bytes->Clone(); });
  store.Delete("a", 0, kNow);
  EXPECT_EQ(window->ToString(), "a" + std::string(1000, 'x'));
  EXPECT_FALSE(window->IsShared());
}

}  // namespace
}  // namespace ebbrt::memcached
