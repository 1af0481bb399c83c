#include "command_line.h"

#include <gtest/gtest.h>

#include <string>

#include "user_error.h"

namespace ebbrt::iaas {
namespace {

using Words = std::vector<std::string>;

TEST(EncodeArgument, EncodesWhatWouldSeparateOrMislead) {
  EXPECT_EQ(EncodeArgument("plain-text_1.0=/~"), "plain-text_1.0=/~");
  EXPECT_EQ(EncodeArgument("a b\t%\"\x7f\xc3\xa4"), "a%20b%09%25%22%7F%C3%A4");
  EXPECT_EQ(EncodeArgument("--"), "--");
}

TEST(EncodeArgument, KeepsArgumentsFromLookingLikeQemusWords) {
  EXPECT_EQ(EncodeArgument("virtio_mmio.device=1@2:3"),
            "%76irtio_mmio.device=1@2:3");
  EXPECT_EQ(EncodeArgument("virtio"), "virtio");
}

TEST(EncodeArgument, RefusesWhatCantBeExpressed) {
  EXPECT_THROW(EncodeArgument(""), UserError);
  EXPECT_THROW(EncodeArgument(std::string("a\0b", 3)), UserError);
}

TEST(DecodeArgument, UndoesEncoding) {
  std::string every;
  for (int byte = 1; byte < 256; ++byte) every += static_cast<char>(byte);
  const std::string encoded = EncodeArgument(every);
  EXPECT_EQ(encoded.find(' '), std::string::npos);
  EXPECT_EQ(DecodeArgument(encoded), every);
  EXPECT_EQ(DecodeArgument("%76%2f%2F"), "v//");
}

TEST(DecodeArgument, RefusesBrokenEscapes) {
  for (const char* broken : {"%", "a%2", "%2", "%g0", "%0g", "%%20"}) {
    EXPECT_THROW(DecodeArgument(broken), UserError) << broken;
  }
}

TEST(BuildCommandLine, PutsTheDaemonsWordsInFrontOfTheArguments) {
  EXPECT_EQ(BuildCommandLine({"ebbrt.node=2"}, {"ebbrt.ip=1.2.3.4/8"}, {"a b"}),
            "ebbrt.node=2 ebbrt.ip=1.2.3.4/8 -- a%20b");
  EXPECT_EQ(BuildCommandLine({}, {}, {"x"}), "-- x");
  EXPECT_EQ(BuildCommandLine({"w"}, {}, {}), "w");
  EXPECT_EQ(BuildCommandLine({}, {}, {}), "");
}

TEST(BuildCommandLine, RefusesWordsThatAreNone) {
  for (const char* word : {"", "--", "a b", "a\nb", "a\"b", "\x80"}) {
    EXPECT_THROW(BuildCommandLine({word}, {}, {}), UserError) << word;
  }
}

TEST(BuildCommandLine, KeepsTheDaemonsWordsForTheDaemon) {
  for (const char* word : {"ebbrt.ip=1.2.3.4/8", "ebbrt.gateway",
                           "ebbrt.tsc_khz=1", "virtio_mmio.device=1@2:3"}) {
    EXPECT_THROW(BuildCommandLine({word}, {}, {}), UserError) << word;
  }
  EXPECT_NO_THROW(BuildCommandLine({"ebbrt.ipv6=1"}, {}, {}));
}

TEST(BuildCommandLine, HasALimit) {
  const std::string most(kMaxCommandLine - 3, 'x');
  EXPECT_EQ(BuildCommandLine({}, {}, {most}).size(), kMaxCommandLine);
  EXPECT_THROW(BuildCommandLine({}, {}, {most + "x"}), UserError);
}

}  // namespace
}  // namespace ebbrt::iaas
