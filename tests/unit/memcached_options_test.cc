// Options: the words that memcached's programs take.
#include "apps/memcached/options.h"

#include <gtest/gtest.h>

namespace ebbrt::memcached {
namespace {

using enum Options::Kind;
constexpr Options::Known kKnown[] = {
    {"-m"}, {"-I"}, {"-v", kFlag}, {"--machine"}};

Options Read(const std::vector<std::string>& arguments) {
  return Options(arguments, kKnown);
}

/// What is said of `arguments`, of which -m should be a number and -I a size.
std::string Complaint(const std::vector<std::string>& arguments) {
  try {
    Options options = Read(arguments);
    options.Number("-m", 1, 1, 100);
    options.Size("-I", 1, 1024, 1 << 30);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "";
}

TEST(MemcachedOptions, AreWrittenAsMemcachedsOwn) {
  Options options =
      Read({"-m", "64", "-I2m", "-vv", "-v", "image", "--machine", "pc"});
  EXPECT_EQ(options.Number("-m", 1, 1, 100), 64u);
  EXPECT_EQ(options.Size("-I", 1, 1, 1 << 30), 2u << 20);
  EXPECT_EQ(options.Count("-v"), 3u);
  EXPECT_EQ(options.Text("--machine", ""), "pc");
  EXPECT_EQ(options.Word(), "image");
  EXPECT_EQ(Read({"-m64"}).Number("-m", 1, 1, 100), 64u);
  EXPECT_EQ(Read({"-I", "3k"}).Size("-I", 1, 1, 1 << 30), 3u << 10);
  EXPECT_EQ(Read({"-I", "5000"}).Size("-I", 1, 1, 1 << 30), 5000u);
}

TEST(MemcachedOptions, WhatIsNotGivenIsAsItWas) {
  Options options = Read({});
  EXPECT_EQ(options.Number("-m", 7, 1, 100), 7u);
  EXPECT_EQ(options.Size("-I", 9, 1, 100), 9u);
  EXPECT_EQ(options.Count("-v"), 0u);
  EXPECT_EQ(options.Text("--machine", "q35"), "q35");
  EXPECT_EQ(options.Word(), std::nullopt);
}

TEST(MemcachedOptions, ErrorsNameTheWordAndWhatItShouldBe) {
  EXPECT_EQ(Complaint({"-x"}), "'-x' is no option of this program");
  EXPECT_EQ(Complaint({"-vx"}), "'-vx' is no option of this program");
  EXPECT_EQ(Complaint({"--machin"}), "'--machin' is no option of this program");
  EXPECT_EQ(Complaint({"-m"}), "option -m needs a value");
  EXPECT_EQ(Complaint({"a", "b"}), "'b': one word too many");
  for (const char* wrong :
       {"0", "101", "x", "", "5x", "-5", "99999999999999999999"}) {
    EXPECT_EQ(Complaint({"-m", wrong}),
              std::string("option -m: '") + wrong +
                  "' should be a number from 1 to 100");
  }
  for (const char* wrong : {"1023", "2g", "k", "1kk", "17592186044415m"}) {
    EXPECT_EQ(Complaint({"-I", wrong}),
              std::string("option -I: '") + wrong +
                  "' should be bytes, or with k or m behind it, from 1024 to "
                  "1073741824");
  }
}

}  // namespace
}  // namespace ebbrt::memcached
