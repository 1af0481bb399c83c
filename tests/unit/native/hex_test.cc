#include "native/hex.h"

#include <gtest/gtest.h>

namespace ebbrt {
namespace {

TEST(Hex, HasAtLeastTheDigitsAskedFor) {
  EXPECT_EQ(Hex(0), "0");
  EXPECT_EQ(Hex(0xAB), "ab");
  EXPECT_EQ(Hex(0xAB, 1), "ab");
  EXPECT_EQ(Hex(0xAB, 4), "00ab");
  EXPECT_EQ(Hex(~uint64_t{0}, 16), "ffffffffffffffff");
}

}  // namespace
}  // namespace ebbrt
