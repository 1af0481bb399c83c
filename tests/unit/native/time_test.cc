// Time for the C library, beyond the clocks that C++ tells.
#include <gtest/gtest.h>

#include <cerrno>

extern "C" {  // newlib's says nothing of C++
#include <sys/resource.h>
}

namespace {

double Seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) +
         static_cast<double>(time.tv_usec) / 1e6;
}

TEST(ResourceUsage, IsTheMachinesTime) {
  rusage before;
  ASSERT_EQ(getrusage(RUSAGE_SELF, &before), 0);
  rusage after;
  do {
    ASSERT_EQ(getrusage(RUSAGE_SELF, &after), 0);
  } while (Seconds(after.ru_utime) == Seconds(before.ru_utime));
  EXPECT_GT(Seconds(after.ru_utime), Seconds(before.ru_utime));
  EXPECT_EQ(Seconds(after.ru_stime), 0);
  rusage of_children;
  ASSERT_EQ(getrusage(RUSAGE_CHILDREN, &of_children), 0);
  EXPECT_EQ(Seconds(of_children.ru_utime), 0);
  errno = 0;
  EXPECT_EQ(getrusage(7, &after), -1);
  EXPECT_EQ(errno, EINVAL);
}

}  // namespace
