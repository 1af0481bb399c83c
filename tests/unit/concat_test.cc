#include "common/concat.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

namespace ebbrt {
namespace {

TEST(Concat, PutsTextBehindText) {
  std::string owned = "b";
  EXPECT_EQ(Concat({"a", owned, std::string_view("c"), "", owned + "d"}),
            "abcbd");
  EXPECT_EQ(Concat({}), "");
}

TEST(Concat, WritesNumbersInDecimal) {
  EXPECT_EQ(Concat({"node ", uint16_t{0}, ", ", 65535u, ", ", -1}),
            "node 0, 65535, -1");
  EXPECT_EQ(Concat({UINT64_MAX, " ", INT64_MIN, " ", INT64_MAX}),
            "18446744073709551615 -9223372036854775808 9223372036854775807");
  EXPECT_EQ(Concat({uint8_t{200}}), "200");
}

}  // namespace
}  // namespace ebbrt
