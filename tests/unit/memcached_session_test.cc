// The binary protocol's answers, without a connection.
#include "apps/memcached/binary_session.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/memcached_client.h"

namespace ebbrt::memcached {
namespace {

using Progress = BinarySession::Progress;
constexpr Store::Time kNow{std::chrono::hours(1000)};

struct Talk {
  /// All answers to `requests`, and how the session stands in `progress`.
  std::vector<Answer> Say(const std::string& requests) {
    session.Feed(IOBuf::Copy(requests));
    ReplyBatch replies;
    progress = session.Answer(replies, SIZE_MAX, now);
    size_t bytes = replies.Bytes();
    auto chain = replies.Take();
    EXPECT_EQ(bytes, chain == nullptr ? 0 : chain->ChainLength());
    return Decode(chain == nullptr ? "" : chain->ToString());
  }

  Store store;
  Service service{store};
  BinarySession session{service};
  Store::Time now = kNow;
  Progress progress{};
};

std::string Flags(uint32_t flags) { return Bytes(GetExtras{.flags = flags}); }

TEST(MemcachedSession, SetAndGetEchoOpaqueCasAndFlags) {
  Talk talk;
  auto set = talk.Say(
      EncodeStore(Opcode::kSet, "key", "value", 0xDEADBEEF, 0, 0x01020304));
  ASSERT_EQ(set.size(), 1u);
  EXPECT_EQ(set[0].status, Status::kSuccess);
  EXPECT_EQ(set[0].opaque, 0x01020304u);
  EXPECT_NE(set[0].cas, 0u);
  EXPECT_EQ(set[0].value, "");
  auto get =
      talk.Say(Encode({.opcode = Opcode::kGet, .key = "key", .opaque = 7}) +
               Encode({.opcode = Opcode::kGetK, .key = "key", .opaque = 8}));
  ASSERT_EQ(get.size(), 2u);
  EXPECT_EQ(get[0].value, "value");
  EXPECT_EQ(get[0].key, "");
  EXPECT_EQ(get[0].extras, Flags(0xDEADBEEF));
  EXPECT_EQ(get[0].cas, set[0].cas);
  EXPECT_EQ(get[0].opaque, 7u);
  EXPECT_EQ(get[1].key, "key");
  EXPECT_EQ(get[1].value, "value");
  EXPECT_EQ(get[1].opaque, 8u);
}

TEST(MemcachedSession, MissesLoudAndQuiet) {
  Talk talk;
  auto answers = talk.Say(Encode({.opcode = Opcode::kGetQ, .key = "none"}) +
                          Encode({.opcode = Opcode::kGetKQ, .key = "none"}) +
                          Encode({.opcode = Opcode::kGet, .key = "none"}) +
                          Encode({.opcode = Opcode::kGetK, .key = "none"}) +
                          Encode({.opcode = Opcode::kDelete, .key = "none"}) +
                          Encode({.opcode = Opcode::kDeleteQ, .key = "none"}));
  ASSERT_EQ(answers.size(), 4u);
  for (const auto& answer : answers) {
    EXPECT_EQ(answer.status, Status::kNotFound);
  }
  EXPECT_EQ(answers[0].value, "Not found");
  EXPECT_EQ(answers[1].key, "none");
  EXPECT_EQ(answers[1].value, "");
  EXPECT_EQ(answers[3].opcode, Opcode::kDeleteQ);
}

TEST(MemcachedSession, QuietCommandsSpeakOnlyOfErrors) {
  Talk talk;
  auto answers = talk.Say(EncodeStore(Opcode::kSetQ, "a", "1") +
                          EncodeStore(Opcode::kAddQ, "b", "2") +
                          EncodeStore(Opcode::kReplaceQ, "b", "3") +
                          EncodeStore(Opcode::kAddQ, "b", "4") +
                          EncodeStore(Opcode::kReplaceQ, "c", "5") +
                          Encode({.opcode = Opcode::kGetQ, .key = "b"}) +
                          Encode({.opcode = Opcode::kDeleteQ, .key = "b"}));
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0].status, Status::kExists);
  EXPECT_EQ(answers[0].value, "Data exists for key.");
  EXPECT_EQ(answers[1].status, Status::kNotFound);
  EXPECT_EQ(answers[2].value, "3");
}

TEST(MemcachedSession, CasConflictsAreAnswered) {
  Talk talk;
  auto cas = talk.Say(EncodeStore(Opcode::kSet, "a", "1")).at(0).cas;
  auto wrong = talk.Say(
      EncodeStore(Opcode::kSet, "a", "2", 0, 0, 0, cas + 100) +
      Encode({.opcode = Opcode::kDelete, .key = "a", .cas = cas + 100}));
  EXPECT_EQ(wrong.at(0).status, Status::kExists);
  EXPECT_EQ(wrong.at(1).status, Status::kExists);
  auto right = talk.Say(EncodeStore(Opcode::kSet, "a", "2", 0, 0, 0, cas));
  EXPECT_EQ(right.at(0).status, Status::kSuccess);
}

TEST(MemcachedSession, NoopVersionQuit) {
  Talk talk;
  auto answers = talk.Say(Encode({.opcode = Opcode::kNoop, .opaque = 1}) +
                          Encode({.opcode = Opcode::kVersion, .opaque = 2}));
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].opaque, 1u);
  EXPECT_EQ(answers[1].value, kVersion);
  EXPECT_EQ(talk.progress, Progress::kWaiting);
  auto last = talk.Say(Encode({.opcode = Opcode::kQuit}) +
                       Encode({.opcode = Opcode::kNoop}));
  ASSERT_EQ(last.size(), 1u);
  EXPECT_EQ(last[0].opcode, Opcode::kQuit);
  EXPECT_EQ(talk.progress, Progress::kEnded);

  Talk quiet;
  EXPECT_EQ(quiet.Say(Encode({.opcode = Opcode::kQuitQ})).size(), 0u);
  EXPECT_EQ(quiet.progress, Progress::kEnded);
}

TEST(MemcachedSession, UnknownOpcodesAreAnsweredAndTheStreamGoesOn) {
  Talk talk;
  auto answers = talk.Say(Encode({.opcode = Opcode{0x55},
                                  .key = "some key",
                                  .extras = "extras",
                                  .value = "and a body",
                                  .opaque = 9}) +
                          Encode({.opcode = Opcode::kNoop}));
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].status, Status::kUnknownCommand);
  EXPECT_EQ(answers[0].value, "Unknown command");
  EXPECT_EQ(answers[0].opaque, 9u);
  EXPECT_EQ(talk.progress, Progress::kWaiting);
}

TEST(MemcachedSession, WrongPartsEndTheConnection) {
  const std::string wrong[] = {
      Encode({.opcode = Opcode::kGet}),
      Encode({.opcode = Opcode::kGet, .key = "a", .value = "b"}),
      Encode({.opcode = Opcode::kSet, .key = "a", .value = "b"}),
      EncodeStore(Opcode::kSet, "", "value without a key"),
      Encode({.opcode = Opcode::kVersion, .key = "a"}),
      Encode({.opcode = Opcode::kGet, .key = std::string(251, 'k')}),
  };
  for (const auto& request : wrong) {
    Talk talk;
    auto answers = talk.Say(request + Encode({.opcode = Opcode::kNoop}));
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].status, Status::kInvalidArguments);
    EXPECT_EQ(talk.progress, Progress::kEnded);
  }
  Talk text;
  EXPECT_EQ(text.Say("get a\r\n").size(), 0u);
  EXPECT_EQ(text.progress, Progress::kEnded);
}

TEST(MemcachedSession, ATooLargeSetEndsTheOldValue) {
  Talk talk;
  talk.Say(EncodeStore(Opcode::kSet, "a", "old"));
  auto answers = talk.Say(
      EncodeStore(Opcode::kSet, "a", std::string(kDefaultValueLimit + 1, 'x')) +
      Encode({.opcode = Opcode::kGet, .key = "a"}));
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].status, Status::kTooLarge);
  EXPECT_EQ(answers[0].value, "Too large.");
  EXPECT_EQ(answers[1].status, Status::kNotFound);
}

TEST(MemcachedSession, NoMemoryIsAnAnswer) {
  Talk talk;
  talk.store.SetMemoryLimit(1024 * sizeof(void*) + 2000);
  auto answers =
      talk.Say(EncodeStore(Opcode::kSetQ, "a", std::string(5000, 'x')) +
               EncodeStore(Opcode::kSet, "b", "small"));
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].status, Status::kOutOfMemory);
  EXPECT_EQ(answers[0].value, "Out of memory allocating item");
  EXPECT_EQ(answers[1].status, Status::kSuccess);
}

std::string Touch(Opcode opcode, const std::string& key, uint32_t expiration) {
  return Encode({.opcode = opcode,
                 .key = key,
                 .extras = Bytes(ExpirationExtras{.expiration = expiration})});
}

TEST(MemcachedSession, TouchAndGat) {
  Talk talk;
  talk.Say(EncodeStore(Opcode::kSet, "a", "value", 5, 10));
  auto answers = talk.Say(
      Touch(Opcode::kTouch, "a", 100) + Touch(Opcode::kTouch, "none", 100) +
      Touch(Opcode::kGat, "a", 200) + Touch(Opcode::kGatK, "a", 200) +
      Touch(Opcode::kGatQ, "none", 200) + Touch(Opcode::kGatKQ, "none", 200) +
      Touch(Opcode::kGatK, "none", 200));
  ASSERT_EQ(answers.size(), 5u);
  EXPECT_EQ(answers[0].extras, Flags(5));
  EXPECT_EQ(answers[0].value, "");
  EXPECT_EQ(answers[1].status, Status::kNotFound);
  EXPECT_EQ(answers[2].value, "value");
  EXPECT_EQ(answers[3].key, "a");
  EXPECT_EQ(answers[4].key, "none");
  talk.now += std::chrono::seconds(199);
  EXPECT_EQ(talk.Say(Encode({.opcode = Opcode::kGet, .key = "a"}))[0].value,
            "value");
  talk.now += std::chrono::seconds(1);
  EXPECT_EQ(talk.Say(Encode({.opcode = Opcode::kGet, .key = "a"}))[0].status,
            Status::kNotFound);
}

TEST(MemcachedSession, AppendAndPrepend) {
  Talk talk;
  auto extend = [](Opcode opcode, const std::string& value, uint64_t cas = 0) {
    return Encode({.opcode = opcode, .key = "a", .value = value, .cas = cas});
  };
  auto none =
      talk.Say(extend(Opcode::kAppend, "x") + extend(Opcode::kPrependQ, "x"));
  ASSERT_EQ(none.size(), 2u);
  EXPECT_EQ(none[0].status, Status::kNotStored);
  EXPECT_EQ(none[1].value, "Not stored.");
  auto answers =
      talk.Say(EncodeStore(Opcode::kSet, "a", "b", 9) +
               extend(Opcode::kAppend, "c") + extend(Opcode::kPrependQ, "a") +
               Encode({.opcode = Opcode::kGet, .key = "a"}));
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_NE(answers[1].cas, 0u);
  EXPECT_EQ(answers[2].value, "abc");
  EXPECT_EQ(answers[2].extras, Flags(9));
  EXPECT_EQ(talk.Say(extend(Opcode::kAppend, "x", 1))[0].status,
            Status::kExists);
}

std::string EncodeDelta(Opcode opcode, uint64_t amount, uint64_t initial = 0,
                        uint32_t expiration = kNoInitial) {
  return Encode(
      {.opcode = opcode,
       .key = "n",
       .extras = Bytes(DeltaExtras{
           .amount = amount, .initial = initial, .expiration = expiration})});
}

std::string Number(uint64_t number) { return Bytes(BigEndian(number)); }

TEST(MemcachedSession, IncrementAndDecrement) {
  Talk talk;
  auto answers = talk.Say(EncodeDelta(Opcode::kIncrement, 1) +
                          EncodeDelta(Opcode::kIncrement, 1, 10, 0) +
                          EncodeDelta(Opcode::kIncrement, 5) +
                          EncodeDelta(Opcode::kDecrement, 7) +
                          EncodeDelta(Opcode::kDecrementQ, 100) +
                          Encode({.opcode = Opcode::kGet, .key = "n"}));
  ASSERT_EQ(answers.size(), 5u);
  EXPECT_EQ(answers[0].status, Status::kNotFound);
  EXPECT_EQ(answers[1].value, Number(10));
  EXPECT_NE(answers[1].cas, 0u);
  EXPECT_EQ(answers[2].value, Number(15));
  EXPECT_NE(answers[2].cas, answers[1].cas);
  EXPECT_EQ(answers[3].value, Number(8));
  EXPECT_EQ(answers[4].value, "0 ");
  auto wrong = talk.Say(EncodeStore(Opcode::kSetQ, "n", "text") +
                        EncodeDelta(Opcode::kIncrementQ, 1));
  ASSERT_EQ(wrong.size(), 1u);
  EXPECT_EQ(wrong[0].status, Status::kNotNumeric);
  EXPECT_EQ(wrong[0].value, "Non-numeric server-side value for incr or decr");
}

TEST(MemcachedSession, AMissingCounterBeginsWithItsDeadline) {
  Talk talk;
  auto answers = talk.Say(EncodeDelta(Opcode::kIncrement, 1, 10, 30));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].value, Number(10));
  EXPECT_EQ(talk.store.Read(kNow).counters.incr_misses, 0u);
  talk.now += std::chrono::seconds(31);
  answers = talk.Say(EncodeDelta(Opcode::kIncrement, 1));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].status, Status::kNotFound);
  EXPECT_EQ(talk.store.Read(kNow).counters.incr_misses, 1u);
}

TEST(MemcachedSession, FlushWithAndWithoutDelay) {
  Talk talk;
  auto answers =
      talk.Say(EncodeStore(Opcode::kSetQ, "a", "1") +
               Encode({.opcode = Opcode::kFlushQ}) +
               Encode({.opcode = Opcode::kGet, .key = "a"}) +
               EncodeStore(Opcode::kSetQ, "a", "2") +
               Encode({.opcode = Opcode::kFlush,
                       .extras = Bytes(ExpirationExtras{.expiration = 5})}) +
               Encode({.opcode = Opcode::kGet, .key = "a"}));
  ASSERT_EQ(answers.size(), 3u);
  EXPECT_EQ(answers[0].status, Status::kNotFound);
  EXPECT_EQ(answers[1].opcode, Opcode::kFlush);
  EXPECT_EQ(answers[2].value, "2");
  talk.now += std::chrono::seconds(5);
  EXPECT_EQ(talk.Say(Encode({.opcode = Opcode::kGet, .key = "a"}))[0].status,
            Status::kNotFound);
}

TEST(MemcachedSession, StatisticsEndWithAnEmptyOne) {
  Talk talk;
  auto answers = talk.Say(EncodeStore(Opcode::kSetQ, "a", "1") +
                          Encode({.opcode = Opcode::kStat, .opaque = 4}));
  ASSERT_GT(answers.size(), 20u);
  EXPECT_EQ(answers.back().key + answers.back().value, "");
  bool found = false;
  for (const auto& answer : answers) {
    EXPECT_EQ(answer.opaque, 4u);
    if (answer.key != "curr_items") continue;
    found = true;
    EXPECT_EQ(answer.value, "1");
  }
  EXPECT_TRUE(found);
  EXPECT_EQ(
      talk.Say(Encode({.opcode = Opcode::kStat, .key = "nonsense"}))[0].status,
      Status::kNotFound);
}

TEST(MemcachedSession, ValuesOfAllSizesComeBack) {
  Talk talk;
  for (size_t size : {0u, 1u, 511u, 512u, 513u, 1440u, 65536u, 1048576u}) {
    std::string value(size, '\0');
    for (size_t i = 0; i < size; ++i) value[i] = static_cast<char>(i * 31 + 7);
    auto answers = talk.Say(EncodeStore(Opcode::kSet, "k", value, 5) +
                            Encode({.opcode = Opcode::kGetK, .key = "k"}) +
                            Encode({.opcode = Opcode::kNoop}));
    ASSERT_EQ(answers.size(), 3u) << size;
    EXPECT_EQ(answers[1].key, "k");
    EXPECT_TRUE(answers[1].value == value) << size;
  }
}

TEST(MemcachedSession, AFullBatchWaits) {
  Talk talk;
  talk.Say(EncodeStore(Opcode::kSet, "k", std::string(1000, 'x')));
  std::string gets;
  for (int i = 0; i < 100; ++i) {
    gets += Encode({.opcode = Opcode::kGet, .key = "k"});
  }
  talk.session.Feed(IOBuf::Copy(gets));
  size_t answered = 0;
  Progress progress = Progress::kFull;
  for (int turns = 0; progress == Progress::kFull; ++turns) {
    ASSERT_LT(turns, 100);
    ReplyBatch replies;
    progress = talk.session.Answer(replies, 10000, kNow);
    EXPECT_LT(replies.Bytes(), 10000u + 1100u);
    if (replies.Bytes() > 0)
      answered += Decode(replies.Take()->ToString()).size();
  }
  EXPECT_EQ(answered, 100u);
}

TEST(MemcachedSession, AValueUnderWayHasItsRoom) {
  Talk talk;
  talk.store.SetMemoryLimit(100'000);
  std::string set = EncodeStore(Opcode::kSet, "b", std::string(50000, 'b'));
  EXPECT_EQ(talk.Say(set.substr(0, 40)).size(), 0u);
  EXPECT_EQ(talk.Say(set.substr(40, 1000)).size(), 0u);
  EXPECT_FALSE(talk.store.SetAside(20'000, kNow));
  auto answers = talk.Say(set.substr(1040));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].status, Status::kSuccess);
  const auto place = talk.store.SetAside(30'000, kNow);
  ASSERT_TRUE(place);
  talk.store.GiveBack(*place, 30'000);
  // Told at once, and swallowed.
  set = EncodeStore(Opcode::kSet, "b", std::string(90000, 'c'));
  answers = talk.Say(set.substr(0, 40));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].status, Status::kOutOfMemory);
  answers =
      talk.Say(set.substr(40) + Encode({.opcode = Opcode::kGet, .key = "b"}));
  ASSERT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].status, Status::kNotFound);
}

TEST(MemcachedSession, WhoGoesGivesBackTheRoomOfItsValue) {
  Store store;
  store.SetMemoryLimit(100'000);
  Service service{store};
  std::string set = EncodeStore(Opcode::kSet, "b", std::string(50000, 'b'));
  for (int i = 0; i < 3; ++i) {
    auto data = IOBuf::Copy(set.substr(0, 40));
    auto session = Session::For(*data, service);
    session->Feed(std::move(data));
    ReplyBatch replies;
    session->Answer(replies, SIZE_MAX, kNow);
    EXPECT_EQ(replies.Bytes(), 0u);
  }
}

}  // namespace
}  // namespace ebbrt::memcached
