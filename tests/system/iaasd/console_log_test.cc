#include "console_log.h"

#include <gtest/gtest.h>
#include <kj/async-io.h>

#include <string>

namespace ebbrt::iaas {
namespace {

kj::ArrayPtr<const char> Bytes(const std::string& text) {
  return kj::arrayPtr(text.data(), text.size());
}

std::string Text(const ConsoleLog::Chunk& chunk) {
  return {chunk.data.begin(), chunk.data.size()};
}

TEST(ConsoleLog, ReadsFromAnyOffset) {
  auto log = kj::refcounted<ConsoleLog>(100);
  log->Append(Bytes("hello "));
  log->Append(Bytes("world"));
  EXPECT_EQ(Text(log->Read(0, 100)), "hello world");
  EXPECT_EQ(Text(log->Read(6, 3)), "wor");
  EXPECT_EQ(Text(log->Read(11, 3)), "");
  EXPECT_EQ(log->Read(99, 3).offset, 11u);
}

TEST(ConsoleLog, KeepsTheEndAndTellsWhatIsLost) {
  auto log = kj::refcounted<ConsoleLog>(10);
  for (int i = 0; i < 100; ++i) log->Append(Bytes("abc"));
  EXPECT_EQ(log->EndOffset(), 300u);
  const auto chunk = log->Read(0, 1000);
  EXPECT_GE(chunk.data.size(), 10u);
  EXPECT_LE(chunk.data.size(), 20u);
  EXPECT_EQ(chunk.offset + chunk.data.size(), 300u);
  EXPECT_TRUE(Text(chunk).ends_with("abcabc"));
}

TEST(ConsoleLog, TailGivesWholeLines) {
  auto log = kj::refcounted<ConsoleLog>(100);
  EXPECT_EQ(log->Tail(2), "");
  log->Append(Bytes("one\ntwo\n\nfour\n"));
  EXPECT_EQ(log->Tail(1), "four\n");
  EXPECT_EQ(log->Tail(2), "\nfour\n");
  EXPECT_EQ(log->Tail(9), "one\ntwo\n\nfour\n");
  log->Append(Bytes("five"));
  EXPECT_EQ(log->Tail(2), "four\nfive");
}

// Collects what is streamed to it.
class Collector final : public rpc::ConsoleSink::Server {
 public:
  explicit Collector(std::string& into) : into_(into) {}
  kj::Promise<void> write(WriteContext context) override {
    const auto data = context.getParams().getData().asChars();
    into_.append(data.begin(), data.size());
    return kj::READY_NOW;
  }

 private:
  std::string& into_;
};

TEST(StreamConsole, EndsAtTheEndOfWhatThereIs) {
  auto io = kj::setupAsyncIo();
  auto log = kj::refcounted<ConsoleLog>(100);
  log->Append(Bytes("text"));
  std::string got;
  EXPECT_EQ(StreamConsole(kj::addRef(*log), 1, FollowConsole::kNo,
                          kj::heap<Collector>(got))
                .wait(io.waitScope),
            4u);
  EXPECT_EQ(got, "ext");
}

TEST(StreamConsole, FollowsUntilTheLogEnds) {
  auto io = kj::setupAsyncIo();
  auto log = kj::refcounted<ConsoleLog>(1 << 20);
  std::string got;
  auto end = StreamConsole(kj::addRef(*log), 0, FollowConsole::kYes,
                           kj::heap<Collector>(got));
  EXPECT_FALSE(end.poll(io.waitScope));
  log->Append(Bytes(std::string(100000, 'x')));
  EXPECT_FALSE(end.poll(io.waitScope));
  EXPECT_EQ(got.size(), 100000u);
  log->Append(Bytes("end"));
  log->End();
  EXPECT_EQ(end.wait(io.waitScope), 100003u);
  EXPECT_TRUE(got.ends_with("xend"));
}

}  // namespace
}  // namespace ebbrt::iaas
