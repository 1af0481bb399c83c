#include "common/signal_number.h"

#include <gtest/gtest.h>

#include <csignal>

namespace ebbrt {
namespace {

TEST(SignalNumber, TravelsAsLinuxs) {
  EXPECT_EQ(SignalToLinux(SIGINT), 2u);
  EXPECT_EQ(SignalToLinux(SIGUSR1), 10u);
  EXPECT_EQ(SignalToLinux(SIGWINCH), 28u);
  for (uint32_t number : {1, 2, 3, 10, 12, 13, 15, 18, 28}) {
    EXPECT_EQ(SignalToLinux(SignalFromLinux(number)), number);
  }
}

TEST(SignalNumber, OthersAreNone) {
  EXPECT_EQ(SignalToLinux(SIGKILL), 0u);
  EXPECT_EQ(SignalToLinux(-1), 0u);
  EXPECT_EQ(SignalFromLinux(9), 0);
  EXPECT_EQ(SignalFromLinux(1000), 0);
}

}  // namespace
}  // namespace ebbrt
