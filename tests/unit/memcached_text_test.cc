// The text protocol's answers, without a connection. What memcached itself says
// to the same lines is compared by tests/system/test_memcached_parity.py.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "apps/memcached/base64.h"
#include "apps/memcached/text_session.h"
#include "tests/unit/together.h"

namespace ebbrt::memcached {
namespace {

using Progress = Session::Progress;

struct Talk {
  void Feed(const std::string& requests) {
    session.Feed(IOBuf::Copy(requests));
  }

  std::string Answer(size_t limit = SIZE_MAX) {
    ReplyBatch replies;
    progress = session.Answer(replies, limit, now);
    auto chain = replies.Take();
    return chain == nullptr ? "" : chain->ToString();
  }

  std::string Say(const std::string& requests) {
    Feed(requests);
    return Answer();
  }

  Store store;
  Service service{store};
  TextSession session{service};
  Store::Time now{std::chrono::hours(1000)};
  Progress progress{};
};

TEST(MemcachedText, SetAndGet) {
  Talk talk;
  EXPECT_EQ(talk.Say("set a 7 0 3\r\nabc\r\nset b 0 0 0\r\n\r\n"),
            "STORED\r\nSTORED\r\n");
  EXPECT_EQ(talk.Say("get a none b\r\n"),
            "VALUE a 7 3\r\nabc\r\nVALUE b 0 0\r\n\r\nEND\r\n");
  EXPECT_EQ(talk.Say("gets a\r\n"), "VALUE a 7 3 1\r\nabc\r\nEND\r\n");
  EXPECT_EQ(talk.Say("set a 0 0 1 noreply\r\nx\r\nget a\r\n"),
            "VALUE a 0 1\r\nx\r\nEND\r\n");
  EXPECT_EQ(talk.progress, Progress::kWaiting);
}

std::string Everything() {
  std::string large(3000, 'L');
  return "set a 1 0 5\r\nhello\r\nget a b\r\nset large 0 0 3000\r\n" + large +
         "\r\ngets large a\r\nappend a 0 0 1\r\n!\r\nincr n 1\r\n"
         "set n 0 0 2\r\n41\r\nincr n 1\r\nmg a v f s k Oabc\r\n"
         "ms m 4 T100 F5\r\nmeta\r\nmg m v t f\r\nset big 0 0 1100000\r\n" +
         std::string(1100000, 'B') + "\r\nget big a\r\ndelete a\r\n" +
         "nonsense\r\nset bad 0 0 2\r\ntoo long\r\nversion\r\nmn\r\n";
}

TEST(MemcachedText, HoweverTheStreamIsCutTheAnswersAreTheSame) {
  std::string stream = Everything();
  Talk whole;
  std::string expected = whole.Say(stream);
  EXPECT_NE(expected.find("SERVER_ERROR object too large for cache\r\n"),
            expected.npos);
  for (size_t size : {1u, 2u, 3u, 7u, 64u, 1000u, 1460u, 65536u}) {
    Talk talk;
    std::string seen;
    for (size_t at = 0; at < stream.size(); at += size) {
      seen += talk.Say(stream.substr(at, size));
    }
    ASSERT_EQ(seen, expected) << "pieces of " << size;
  }
}

TEST(MemcachedText, AFullBatchStopsInTheMiddleOfAGet) {
  Talk talk;
  std::string value(1000, 'v');
  talk.Say("set k 0 0 1000\r\n" + value + "\r\n");
  std::string keys;
  for (int i = 0; i < 500; ++i) keys += " k";
  talk.Feed("get" + keys + "\r\nversion\r\n");
  std::string seen;
  int turns = 0;
  do {
    std::string part = talk.Answer(5000);
    EXPECT_LE(part.size(), 6100u);
    seen += part;
    ASSERT_LT(++turns, 200);
  } while (talk.progress == Progress::kFull);
  std::string expected;
  for (int i = 0; i < 500; ++i) {
    expected += "VALUE k 0 1000\r\n" + value + "\r\n";
  }
  EXPECT_EQ(seen, expected + "END\r\nVERSION 1.6.18-ebbrt\r\n");
}

TEST(MemcachedText, ABatchThatIsFullAtTheLastKeyLeavesOnlyTheEnd) {
  Talk talk;
  talk.Say("set k 0 0 1\r\n1\r\n");
  // A key that only the binary protocol can have stored.
  talk.store.Insert({.item = Item::Make("\r", 0)}, talk.now);
  talk.Feed("get k\r\nget k\r\n");
  EXPECT_EQ(talk.Answer(1), "VALUE k 0 1\r\n1\r\n");
  EXPECT_EQ(talk.Answer(1), "END\r\n");
  EXPECT_EQ(talk.Answer(), "VALUE k 0 1\r\n1\r\nEND\r\n");
}

TEST(MemcachedText, ALineWithoutEndIsNoCommand) {
  Talk talk;
  talk.Say(std::string(2048, 'x'));
  EXPECT_EQ(talk.progress, Progress::kWaiting);
  talk.Say("x");
  EXPECT_EQ(talk.progress, Progress::kEnded);

  Talk get;
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(get.Say("get aaaaaaaaaaaaaa "), "");
  EXPECT_EQ(get.progress, Progress::kWaiting);
  EXPECT_EQ(get.Say("\r\n"), "END\r\n");
  while (get.progress == Progress::kWaiting) {
    get.Say("get " + std::string(100000, 'a'));
    ASSERT_LT(get.session.Waiting(), size_t{1200000});
  }
  EXPECT_EQ(get.progress, Progress::kEnded);
}

TEST(MemcachedText, ALongGetMayBeCutInItsFirstWord) {
  Talk talk;
  talk.Feed("g");
  EXPECT_EQ(talk.Say("et " + std::string(40, 'a') + std::string(3000, ' ')),
            "");
  EXPECT_EQ(talk.progress, Progress::kWaiting);
  EXPECT_EQ(talk.Say("\r\n"), "END\r\n");
}

TEST(MemcachedText, ATooLargeValueIsSwallowedAndEndsTheOldOne) {
  Talk talk;
  talk.store.SetValueLimit(1000);
  talk.Say("set a 0 0 3\r\nold\r\nset b 0 0 3\r\nold\r\n");
  EXPECT_EQ(talk.Say("set a 0 0 1001\r\n"),
            "SERVER_ERROR object too large for cache\r\n");
  EXPECT_EQ(talk.Say(std::string(1001, '\n')), "");
  EXPECT_EQ(talk.Say("\r\nget a\r\n"), "END\r\n");
  EXPECT_EQ(
      talk.Say("add b 0 0 1001\r\n" + std::string(1001, 'x') + "\r\nget b\r\n"),
      "SERVER_ERROR object too large for cache\r\n"
      "VALUE b 0 3\r\nold\r\nEND\r\n");
  EXPECT_EQ(talk.store.Read(talk.now).counters.store_too_large, 2u);
}

TEST(MemcachedText, AKeyThatIsTooLongIsToldBeforeAnyAnswer) {
  Talk talk;
  talk.Say("set a 0 0 1\r\n1\r\n");
  std::string key(251, 'k');
  EXPECT_EQ(talk.Say("get a " + key + "\r\nget a\r\n"),
            "CLIENT_ERROR bad command line format\r\n"
            "VALUE a 0 1\r\n1\r\nEND\r\n");
  EXPECT_EQ(talk.Say("set " + key.substr(1) + " 0 0 1\r\n1\r\n"), "STORED\r\n");
}

TEST(MemcachedText, NoMemoryIsAnAnswer) {
  Talk talk;
  talk.store.SetMemoryLimit(1024 * sizeof(void*) + 2000);
  EXPECT_EQ(talk.Say("set a 0 0 5000\r\n" + std::string(5000, 'x') + "\r\n"),
            "SERVER_ERROR out of memory storing object\r\n");
  EXPECT_EQ(talk.Say("set a 0 0 1\r\nx\r\n"), "STORED\r\n");
}

TEST(MemcachedText, OneClientRenewsAStaleItem) {
  Talk talk;
  talk.Say("ms a 1 T1000\r\n1\r\nmd a I T30\r\n");
  EXPECT_EQ(talk.Say("mg a v t\r\n"), "VA 1 t30 X W\r\n1\r\n");
  EXPECT_EQ(talk.Say("mg a v\r\n"), "VA 1 Z X\r\n1\r\n");
  EXPECT_EQ(talk.Say("ms a 1\r\n2\r\nmg a v\r\n"), "HD\r\nVA 1\r\n2\r\n");
}

TEST(MemcachedText, OneClientMakesWhatIsMissing) {
  Talk talk;
  EXPECT_EQ(talk.Say("mg a v N30 t\r\n"), "VA 0 t30 W\r\n\r\n");
  EXPECT_EQ(talk.Say("mg a v N30 t\r\n"), "VA 0 t30 Z\r\n\r\n");
  talk.now += std::chrono::seconds(30);
  EXPECT_EQ(talk.Say("mg a v\r\n"), "EN\r\n");
}

TEST(MemcachedText, OneClientRenewsBeforeTheEnd) {
  Talk talk;
  talk.Say("ms a 1 T100\r\n1\r\n");
  EXPECT_EQ(talk.Say("mg a R30\r\n"), "HD\r\n");
  talk.now += std::chrono::seconds(80);
  EXPECT_EQ(talk.Say("mg a R30\r\n"), "HD W\r\n");
  EXPECT_EQ(talk.Say("mg a R30\r\n"), "HD Z\r\n");
}

TEST(MemcachedText, MetaTellsHowItWasBeforeThisAccess) {
  Talk talk;
  talk.Say("ms a 1\r\n1\r\n");
  talk.now += std::chrono::seconds(5);
  EXPECT_EQ(talk.Say("mg a h l\r\n"), "HD h0 l5\r\n");
  talk.now += std::chrono::seconds(3);
  EXPECT_EQ(talk.Say("mg a h l u\r\n"), "HD h1 l3\r\n");
  EXPECT_EQ(talk.Say("mg a h l\r\n"), "HD h1 l3\r\n");
}

TEST(MemcachedText, AnAddThatFindsAnItemHasUsedIt) {
  Talk talk;
  talk.Say("set a 0 0 1\r\n1\r\n");
  talk.now += std::chrono::seconds(5);
  EXPECT_EQ(talk.Say("add a 0 0 1\r\n2\r\nmg a l\r\n"),
            "NOT_STORED\r\nHD l0\r\n");
}

TEST(MemcachedText, OneOfThoseWhoFindAStaleItemIsToRenewIt) {
  Talk talk;
  talk.Say("set a 0 0 1\r\n1\r\n");  // CAS 1
  EXPECT_EQ(talk.Say("md a I T30\r\nmg a c t\r\nmg a v\r\n"),
            "HD\r\nHD c2 t30 X W\r\nVA 1 Z X\r\n1\r\n");
  // With the CAS from before, its answer is stale as well.
  EXPECT_EQ(talk.Say("ms a 1 C0 I T90\r\n0\r\nms a 1 C1 I T90\r\n2\r\n"),
            "EX\r\nHD\r\n");
  EXPECT_EQ(talk.Say("mg a c t v\r\n"), "VA 1 c3 t30 Z X\r\n2\r\n");
  EXPECT_EQ(talk.Say("md a I\r\nmg a t\r\n"), "HD\r\nHD t30 X W\r\n");
  EXPECT_EQ(talk.Say("ms a 1 C4 I T90\r\n3\r\nmg a t v\r\n"),
            "HD\r\nVA 1 t90\r\n3\r\n");
  // Each "mg" is one, also where it had to look twice.
  EXPECT_EQ(talk.store.Read(talk.now).accesses.get_hits, 5u);
}

TEST(MemcachedText, ANumberThatChangesKeepsWhatBelongsToIt) {
  Talk talk;
  talk.Say("ms Zm9v 1 b T30 F5\r\n9\r\n");
  EXPECT_EQ(talk.Say("incr foo 1\r\nmg foo k t f v\r\n"),
            "10\r\nVA 2 kZm9v b t30 f5\r\n10\r\n");
  // Larger than what lies in an item.
  std::string padded = "5" + std::string(599, ' ');
  talk.Say("set large 0 0 600\r\n" + padded + "\r\n");
  padded[0] = '6';
  EXPECT_EQ(talk.Say("incr large 1\r\nget large\r\n"),
            "6\r\nVALUE large 0 600\r\n" + padded + "\r\nEND\r\n");
}

TEST(MemcachedText, AValueUnderWayHasItsRoom) {
  Talk talk;
  talk.store.SetMemoryLimit(100'000);
  talk.Say("set a 0 0 20000\r\n" + std::string(20000, 'a') + "\r\n");
  EXPECT_EQ(talk.Say("set b 0 0 50000\r\nb"), "");
  EXPECT_EQ(talk.store.ItemCount(), 0u);  // it was evicted
  EXPECT_FALSE(talk.store.SetAside(50'000, talk.now));
  EXPECT_EQ(talk.Say(std::string(49999, 'b') + "\r\n"), "STORED\r\n");
  EXPECT_EQ(talk.store.ItemCount(), 1u);
  const auto place = talk.store.SetAside(30'000, talk.now);
  ASSERT_TRUE(place);
  talk.store.GiveBack(*place, 30'000);
  // Told at once, and swallowed.
  EXPECT_EQ(talk.Say("set c 0 0 90000\r\nc"),
            "SERVER_ERROR out of memory storing object\r\n");
  EXPECT_EQ(talk.Say(std::string(89999, 'c') + "\r\nmn\r\n"), "MN\r\n");
}

TEST(MemcachedText, SettingsAreWhatTheyAre) {
  Talk talk;
  talk.service.settings.max_connections = 77;
  talk.store.SetValueLimit(5000);
  std::string said = talk.Say("stats settings\r\n");
  EXPECT_NE(said.find("STAT evictions on\r\n"), said.npos);
  EXPECT_NE(said.find("STAT maxconns 77\r\n"), said.npos);
  EXPECT_NE(said.find("STAT item_size_max 5000\r\n"), said.npos);
  talk.store.RefuseWhenFull();
  said = talk.Say("stats settings\r\n");
  EXPECT_NE(said.find("STAT evictions off\r\n"), said.npos);
}

TEST(MemcachedText, StatisticsCountWhatHappened) {
  Talk talk;
  talk.Say("set a 0 0 1\r\n1\r\nget a\r\nget b\r\nincr a 1\r\ntouch b 1\r\n");
  std::string said = talk.Say("stats\r\n");
  EXPECT_TRUE(
      said.starts_with("STAT pid " + std::to_string(getpid()) + "\r\n"));
  for (const char* line :
       {"STAT cmd_get 2\r\n", "STAT cmd_set 1\r\n", "STAT get_hits 1\r\n",
        "STAT get_misses 1\r\n", "STAT incr_hits 1\r\n",
        "STAT touch_misses 1\r\n", "STAT curr_items 1\r\n"}) {
    EXPECT_NE(said.find(line), said.npos) << line;
  }
  EXPECT_TRUE(said.ends_with("END\r\n"));
  EXPECT_EQ(talk.Say("stats reset\r\n"), "RESET\r\n");
  said = talk.Say("stats\r\n");
  EXPECT_NE(said.find("STAT cmd_get 0\r\n"), said.npos);
  EXPECT_NE(said.find("STAT curr_items 1\r\n"), said.npos);
}

TEST(MemcachedText, WhatIsMissedAndMadeIsAHit) {
  Talk talk;
  EXPECT_EQ(talk.Say("ma Zm9v b N30 J5 v t\r\nmg viv N30 t\r\n"),
            "VA 1 t30\r\n5\r\nHD t30 W\r\n");
  EXPECT_EQ(talk.Say("mg foo k t\r\n"), "HD kfoo t30\r\n");
  std::string said = talk.Say("stats\r\n");
  for (const char* line :
       {"STAT cmd_set 0\r\n", "STAT get_hits 2\r\n", "STAT get_misses 0\r\n",
        "STAT incr_misses 0\r\n", "STAT total_items 2\r\n"}) {
    EXPECT_NE(said.find(line), said.npos) << line;
  }
}

TEST(MemcachedText, WrongCommandsDoNotLeadAstray) {
  Talk talk;
  EXPECT_EQ(talk.Say("ms a 3 ~\r\nabc\r\nget   \r\nmn\r\n"),
            "CLIENT_ERROR invalid flag\r\nERROR\r\nMN\r\n");
}

TEST(MemcachedText, TheLimitOfADividedStoreLeavesRoomForAnyValue) {
  Talk talk;
  talk.store.SetMemoryLimit(talk.service.settings.memory_limit);
  EXPECT_EQ(talk.Say("cache_memlimit 9\r\n"), "OK\r\n");
  talk.store.SetMemoryLimit(talk.service.settings.memory_limit);
  talk.store.DivideFor(2);
  EXPECT_EQ(talk.store.LeastMemory(), 64u << 20);
  EXPECT_EQ(talk.Say("cache_memlimit 63\r\n"),
            "MEMLIMIT_ADJUST_FAILED out of bounds or unable to adjust\r\n");
  EXPECT_EQ(talk.Say("cache_memlimit 64\r\n"), "OK\r\n");
}

// --- on several cores -----------------------------------------------------

/// What a client on each core is answered, all at once.
std::vector<std::string> OnAllCores(Service& service,
                                    const std::string& request) {
  std::vector<std::string> answers(platform::CoreCount());
  RunTogether([&] {
    TextSession session(service);
    session.Feed(IOBuf::Copy(request));
    ReplyBatch replies;
    session.Answer(replies, SIZE_MAX, Clock::now());
    auto chain = replies.Take();
    if (chain != nullptr) {
      answers[platform::CurrentCore()] = chain->ToString();
    }
  });
  return answers;
}

TEST(MemcachedText, NumbersThatAllCoresBeginAreCounted) {
  Store store;
  Service service(store);
  const size_t cores = platform::CoreCount();
  for (int round = 0; round < 200; ++round) {
    const auto key = "n" + std::to_string(round);
    auto answers = OnAllCores(service, "ma " + key + " N0 J1 v\r\n");
    // Each number from 1 on was somebody's.
    std::set<std::string> numbers(answers.begin(), answers.end());
    ASSERT_EQ(numbers.size(), cores);
    ASSERT_TRUE(numbers.contains("VA 1\r\n" + std::to_string(cores) + "\r\n"));
  }
}

TEST(MemcachedText, OneOfAllCoresWinsAnItem) {
  Store store;
  Service service(store);
  auto winners = [&](const std::string& request) {
    auto answers = OnAllCores(service, request);
    return std::count_if(answers.begin(), answers.end(), [](const auto& said) {
      return said.find(" W") != said.npos;
    });
  };
  for (int round = 0; round < 200; ++round) {
    const auto key = "a" + std::to_string(round);
    // Who makes it; who is told that it's stale.
    ASSERT_EQ(winners("mg " + key + " N100 v\r\n"), 1);
    store.MarkStale(key, {}, {}, Clock::now());
    ASSERT_EQ(winners("mg " + key + " v\r\n"), 1);
  }
}

TEST(MemcachedBase64, ThereAndBack) {
  const std::pair<std::string, std::string> known[] = {
      {"", ""},
      {"f", "Zg=="},
      {"fo", "Zm8="},
      {"foo", "Zm9v"},
      {"foob", "Zm9vYg=="},
      {"fooba", "Zm9vYmE="},
      {"foobar", "Zm9vYmFy"},
      {std::string("\0\xFF\xFE", 3), "AP/+"}};
  for (const auto& [bytes, text] : known) {
    EXPECT_EQ(EncodeBase64(bytes), text);
    EXPECT_EQ(DecodeBase64(text), bytes);
  }
  for (const char* bad : {"Z", "Zm9", "Zm9v!AAA", "=m9v", "Zm=v", "Zm9vZ==="}) {
    EXPECT_EQ(DecodeBase64(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace ebbrt::memcached
