#include "process_usage.h"

#include <gtest/gtest.h>
#include <unistd.h>

namespace ebbrt::iaas {
namespace {

// Fields 3 to 24 of proc(5), with utime, stime and rss as given.
std::string Stat(const std::string& name, const std::string& user,
                 const std::string& kernel, const std::string& pages) {
  return "77 (" + name + ") S 1 2 3 4 5 6 7 8 9 10 " + user + " " + kernel +
         " 16 17 18 19 20 21 22 23 " + pages + " 25";
}

TEST(ProcessUsage, IsReadWhateverTheName) {
  const double ticks = static_cast<double>(sysconf(_SC_CLK_TCK));
  for (const char* name : {"qemu", "a b", ") S 1 (", ""}) {
    const ProcessUsage usage = ParseUsage(Stat(name, "150", "50", "3"));
    EXPECT_DOUBLE_EQ(usage.cpu_seconds, 200 / ticks) << name;
    EXPECT_EQ(usage.resident_bytes,
              3 * static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
  }
}

TEST(ProcessUsage, WhatIsNoneIsNothing) {
  for (const char* text : {"", "77", "77 (qemu", "77 (qemu) S 1 2 3",
                           "77 (qemu) S 1 2 3 4 5 6 7 8 9 10 x y"}) {
    EXPECT_EQ(ParseUsage(text).cpu_seconds, 0) << text;
    EXPECT_EQ(ParseUsage(text).resident_bytes, 0) << text;
  }
  EXPECT_EQ(UsageOf(0).resident_bytes, 0);
}

TEST(ProcessUsage, ThisProcessHasTakenSome) {
  const auto begin = UsageOf(getpid());
  EXPECT_GT(begin.resident_bytes, 0u);
  // Until the kernel has counted a tick of it.
  while (UsageOf(getpid()).cpu_seconds <= begin.cpu_seconds) {
  }
}

}  // namespace
}  // namespace ebbrt::iaas
