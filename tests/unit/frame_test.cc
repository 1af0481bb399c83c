#include "common/frame.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace ebbrt {
namespace {

FrameHeader CallHeader() {
  return {.kind = FrameKind::kCall,
          .ebb = 0xFFFE0001,
          .protocol = 0x0123456789ABCDEF,
          .request = 77,
          .method = 3};
}

std::string Encoded(std::string_view payload) {
  return MakeFrame(CallHeader(), IOBuf::Copy(payload))->ToString();
}

void ExpectIsCall(const Frame& frame, std::string_view payload) {
  EXPECT_EQ(frame.header.kind, FrameKind::kCall);
  EXPECT_EQ(frame.header.ebb, 0xFFFE0001u);
  EXPECT_EQ(frame.header.protocol, 0x0123456789ABCDEFu);
  EXPECT_EQ(frame.header.request, 77u);
  EXPECT_EQ(frame.header.method, 3u);
  EXPECT_EQ(frame.payload == nullptr ? "" : frame.payload->ToString(), payload);
}

TEST(Frame, LayoutIsAsDrawn) {
  std::string bytes = Encoded("xy");
  ASSERT_EQ(bytes.size(), FrameHeader::kSize + 2);
  EXPECT_EQ(bytes.substr(0, 4), "EbRT");
  EXPECT_EQ(bytes.substr(8, 4), std::string("\x02\0\0\0", 4));
  EXPECT_EQ(bytes.substr(12, 4), std::string("\x01\x00\xFE\xFF", 4));
  EXPECT_EQ(bytes.substr(32), "xy");
}

TEST(Frame, HeaderGoesIntoHeadroom) {
  auto frame = MakeFrame(CallHeader(), IOBuf::Copy("x", FrameHeader::kSize));
  EXPECT_FALSE(frame->IsChained());
}

TEST(Frame, PayloadThatIsSharedIsNotWrittenTo) {
  auto payload = IOBuf::Copy("x", FrameHeader::kSize);
  auto clone = payload->Clone();
  auto frame = MakeFrame(CallHeader(), std::move(payload));
  EXPECT_TRUE(frame->IsChained());
  EXPECT_EQ(clone->View(), "x");
}

// Trap "messenger: aborted when two messages arrived in one segment".
TEST(FrameParser, TwoFramesInOneSegment) {
  FrameParser parser(1024);
  parser.Feed(IOBuf::Copy(Encoded("first") + Encoded("")));
  ExpectIsCall(parser.Next().value(), "first");
  ExpectIsCall(parser.Next().value(), "");
  EXPECT_FALSE(parser.Next());
  EXPECT_FALSE(parser.InFrame());
}

TEST(FrameParser, CutAtEveryPlace) {
  std::string bytes = Encoded("payload");
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    FrameParser parser(1024);
    parser.Feed(IOBuf::Copy(bytes.substr(0, cut)));
    EXPECT_FALSE(parser.Next());
    EXPECT_TRUE(parser.InFrame());
    parser.Feed(IOBuf::Copy(bytes.substr(cut)));
    ExpectIsCall(parser.Next().value(), "payload");
  }
}

TEST(FrameParser, ByteByByte) {
  std::string bytes = Encoded("payload");
  FrameParser parser(1024);
  for (char c : bytes) {
    EXPECT_FALSE(parser.Next());
    parser.Feed(IOBuf::Copy(std::string_view(&c, 1)));
  }
  ExpectIsCall(parser.Next().value(), "payload");
}

/// What the parser says of a frame whose byte at `at` is `value`.
std::string ErrorWith(size_t at, uint8_t value) {
  std::string bytes = Encoded("payload");
  bytes[at] = static_cast<char>(value);
  FrameParser parser(1024);
  parser.Feed(IOBuf::Copy(bytes));
  try {
    parser.Next();
  } catch (const BadFrame& error) {
    return error.what();
  }
  return "";
}

TEST(FrameParser, EachBrokenRuleIsNamed) {
  EXPECT_NE(ErrorWith(0, 'X').find("magic"), std::string::npos);
  EXPECT_NE(ErrorWith(4, 9).find("version 9"), std::string::npos);
  EXPECT_NE(ErrorWith(6, 0).find("kind 0"), std::string::npos);
  EXPECT_NE(ErrorWith(6, 200).find("kind 200"), std::string::npos);
  EXPECT_NE(ErrorWith(7, 1).find("reserved"), std::string::npos);
  EXPECT_NE(ErrorWith(30, 1).find("reserved"), std::string::npos);
  EXPECT_NE(ErrorWith(11, 0xFF).find("more than the 1024"), std::string::npos);
}

TEST(FrameParser, TheLimitItselfIsAllowed) {
  FrameParser parser(7);
  parser.Feed(IOBuf::Copy(Encoded("payload")));
  ExpectIsCall(parser.Next().value(), "payload");
  parser.Feed(IOBuf::Copy(Encoded("payload!")));
  EXPECT_THROW(parser.Next(), BadFrame);
}

}  // namespace
}  // namespace ebbrt
