// The binary parser: requests cut and joined in every way, and strangers'
// nonsense.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "apps/memcached/request_parser.h"
#include "apps/memcached/store.h"
#include "tests/unit/memcached_client.h"

namespace ebbrt::memcached {
namespace {

using Result = RequestParser::Result;

struct Reader {
  void Feed(std::unique_ptr<IOBuf> data) { input.Feed(std::move(data)); }
  Result Next() { return parser.Next(kDefaultValueLimit); }
  const RequestParser::Request& Current() const { return parser.Current(); }

  Input input;
  RequestParser parser{input};
};

std::string KeyAndValue(const Item& item) {
  std::string value(item.ValueLength(), '\0');
  item.CopyValue(value);
  return std::string(item.Key()) + value;
}

/// What a parser said, as text to compare.
std::vector<std::string> ReadAll(Reader& parser) {
  std::vector<std::string> seen;
  for (;;) {
    Result result = parser.Next();
    if (result == Result::kNeedMore || result == Result::kNeedValue)
      return seen;
    const auto& request = parser.Current();
    std::string line = std::to_string(static_cast<int>(result)) + " " +
                       std::to_string(static_cast<int>(request.header.opcode)) +
                       " ";
    if (result > Result::kNeedMore) {
      seen.push_back(line);
      return seen;
    }
    line += std::string(request.key) + " " +
            std::to_string(request.extras.size()) + " ";
    if (result == Result::kRequest && !request.extras.empty()) {
      line += KeyAndValue(*parser.parser.TakeItem());
    }
    seen.push_back(line);
  }
}

std::string SomeRequests() {
  return EncodeStore(Opcode::kSet, "first", "the value", 1, 2) +
         Encode({.opcode = Opcode::kGet, .key = "first"}) +
         Encode({.opcode = Opcode::kNoop}) +
         EncodeStore(Opcode::kAdd, "second", std::string(3000, 'x')) +
         EncodeStore(Opcode::kSet, "empty", "") +
         Encode({.opcode = Opcode::kDelete, .key = std::string(250, 'k')});
}

std::vector<std::string> ReadWhole(const std::string& stream) {
  Reader parser;
  parser.Feed(IOBuf::Copy(stream));
  return ReadAll(parser);
}

TEST(MemcachedParser, JoinedRequestsAreRead) {
  auto seen = ReadWhole(SomeRequests());
  ASSERT_EQ(seen.size(), 6u);
  EXPECT_EQ(seen[0], "0 1 first 8 firstthe value");
  EXPECT_EQ(seen[1], "0 0 first 0 ");
  EXPECT_EQ(seen[3], "0 2 second 8 second" + std::string(3000, 'x'));
  EXPECT_EQ(seen[4], "0 1 empty 8 empty");
}

TEST(MemcachedParser, EveryCutIntoTwoGivesTheSame) {
  std::string stream = SomeRequests();
  auto expected = ReadWhole(stream);
  for (size_t cut = 1; cut < stream.size(); ++cut) {
    Reader parser;
    parser.Feed(IOBuf::Copy(stream.substr(0, cut)));
    auto seen = ReadAll(parser);
    parser.Feed(IOBuf::Copy(stream.substr(cut)));
    for (auto& line : ReadAll(parser)) seen.push_back(std::move(line));
    ASSERT_EQ(seen, expected) << "cut at " << cut;
  }
}

TEST(MemcachedParser, EveryPieceSizeAsAChainAndInTurns) {
  std::string stream = SomeRequests();
  auto expected = ReadWhole(stream);
  for (size_t size = 1; size < 64; ++size) {
    Reader in_turns, chained;
    std::unique_ptr<IOBuf> chain;
    std::vector<std::string> seen;
    for (size_t at = 0; at < stream.size(); at += size) {
      // Large buffers with little in them, as a socket or device gives them.
      auto piece = IOBuf::Copy(stream.substr(at, size), 16, 2000);
      chain = JoinChains(std::move(chain), piece->Clone());
      chain = JoinChains(std::move(chain), IOBuf::Create(10));
      in_turns.Feed(std::move(piece));
      for (auto& line : ReadAll(in_turns)) seen.push_back(std::move(line));
    }
    ASSERT_EQ(seen, expected) << "pieces of " << size;
    chained.Feed(std::move(chain));
    ASSERT_EQ(ReadAll(chained), expected) << "chained pieces of " << size;
  }
}

TEST(MemcachedParser, APeerThatSendsByteByByteDoesNotFillMemory) {
  std::string value(20000, 'v');
  std::string stream = EncodeStore(Opcode::kSet, "key", value);
  Reader parser;
  size_t head = stream.size() - value.size();
  for (size_t i = 0; i < stream.size(); ++i) {
    ASSERT_EQ(parser.Next(), i < head ? Result::kNeedMore : Result::kNeedValue);
    parser.Feed(IOBuf::Copy(stream.substr(i, 1), 0, 4095));
  }
  ASSERT_EQ(parser.Next(), Result::kRequest);
  auto taken = parser.parser.TakeItem();
  EXPECT_LE(taken->Bytes().CountChain(), 6u);
  EXPECT_EQ(KeyAndValue(*taken), "key" + value);
}

TEST(MemcachedParser, ALargeValueStaysInItsBuffers) {
  std::string stream =
      EncodeStore(Opcode::kSet, "key", std::string(4000, 'v')) +
      Encode({.opcode = Opcode::kNoop});
  auto received = IOBuf::Copy(stream);
  const std::byte* value = received->Data() + 32 + 3;
  Reader parser;
  parser.Feed(std::move(received));
  ASSERT_EQ(parser.Next(), Result::kRequest);
  auto taken = parser.parser.TakeItem();
  EXPECT_EQ(taken->Bytes().Data(), value);
  EXPECT_EQ(taken->Bytes().Length(), 4000u);
  EXPECT_EQ(parser.Next(), Result::kRequest);
  EXPECT_EQ(parser.Current().header.opcode, Opcode::kNoop);
}

TEST(MemcachedParser, ASmallValueIsMovedOutOfALargeBuffer) {
  Reader parser;
  std::string value(600, 'v');
  parser.Feed(IOBuf::Copy(EncodeStore(Opcode::kSet, "key", value), 0, 4000));
  ASSERT_EQ(parser.Next(), Result::kRequest);
  auto taken = parser.parser.TakeItem();
  EXPECT_EQ(taken->Bytes().Capacity(), 600u);
  EXPECT_EQ(KeyAndValue(*taken), "key" + value);
}

TEST(MemcachedParser, TooLargeIsToldAtOnceAndSwallowed) {
  std::string head = EncodeStore(Opcode::kSet, "key",
                                 std::string(kDefaultValueLimit + 1, 'v'));
  Reader parser;
  parser.Feed(IOBuf::Copy(head.substr(0, 100)));
  ASSERT_EQ(parser.Next(), Result::kTooLarge);
  EXPECT_EQ(parser.Current().key, "key");
  EXPECT_EQ(parser.Next(), Result::kNeedMore);
  size_t at = 100;
  for (; at + 5000 < head.size(); at += 5000) {
    parser.Feed(IOBuf::Copy(head.substr(at, 5000)));
    EXPECT_EQ(parser.input.Size(), 0u);
    ASSERT_EQ(parser.Next(), Result::kNeedMore);
  }
  parser.Feed(IOBuf::Copy(head.substr(at) + Encode({.opcode = Opcode::kNoop})));
  ASSERT_EQ(parser.Next(), Result::kRequest);
  EXPECT_EQ(parser.Current().header.opcode, Opcode::kNoop);
  EXPECT_EQ(parser.Next(), Result::kNeedMore);
}

TEST(MemcachedParser, WhatIsDroppedIsSwallowed) {
  std::string stream = EncodeStore(Opcode::kSet, "key", std::string(9000, 'v'));
  Reader parser;
  parser.Feed(IOBuf::Copy(stream.substr(0, 5000)));
  ASSERT_EQ(parser.Next(), Result::kNeedValue);
  EXPECT_EQ(parser.Current().key, "key");
  EXPECT_EQ(parser.Current().value_length, 9000u);
  parser.parser.Drop();
  EXPECT_EQ(parser.Next(), Result::kNeedMore);
  EXPECT_EQ(parser.input.Size(), 0u);
  parser.Feed(IOBuf::Copy(stream.substr(5000) + SomeRequests()));
  ASSERT_EQ(parser.Next(), Result::kRequest);
  EXPECT_EQ(parser.Current().key, "first");
}

TEST(MemcachedParser, TheLargestValueIsNotTooLarge) {
  Reader parser;
  std::string stream =
      EncodeStore(Opcode::kSet, "key", std::string(kDefaultValueLimit, 'v'));
  for (size_t at = 0; at < stream.size(); at += 1448) {
    parser.Feed(IOBuf::Copy(stream.substr(at, 1448)));
  }
  ASSERT_EQ(parser.Next(), Result::kRequest);
  EXPECT_EQ(parser.parser.TakeItem()->Bytes().ChainLength(),
            kDefaultValueLimit);
  EXPECT_EQ(parser.input.Size(), 0u);
}

TEST(MemcachedParser, StrangersAreTold) {
  Reader text, lengths, key;
  text.Feed(IOBuf::Copy("get key\r\n"));
  EXPECT_EQ(text.Next(), Result::kBadMagic);

  RequestHeader header{};
  header.magic = kRequestMagic;
  header.key_length = 10;
  header.body_length = 9;
  lengths.Feed(IOBuf::Copy(Bytes(header)));
  EXPECT_EQ(lengths.Next(), Result::kBadLength);

  key.Feed(IOBuf::Copy(
      Encode({.opcode = Opcode::kGet, .key = std::string(251, 'k')})));
  EXPECT_EQ(key.Next(), Result::kBadKey);
}

}  // namespace
}  // namespace ebbrt::memcached
