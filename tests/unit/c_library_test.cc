// What the C library says and does, on Linux and inside the library OS.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <string>

namespace ebbrt {
namespace {

int Sign(int value) { return (value > 0) - (value < 0); }

TEST(CLibrary, MemcmpOrdersByTheFirstDifference) {
  // volatile: no compiler's own idea of it.
  int (*volatile compare)(const void*, const void*, size_t) = std::memcmp;
  for (size_t length = 0; length < 40; ++length) {
    for (size_t offset = 0; offset < 9; ++offset) {
      std::string a(offset + length, '\x7F');
      std::string b = a;
      const char* first = a.data() + offset;
      ASSERT_EQ(compare(first, b.data() + offset, length), 0);
      for (size_t at = 0; at < length; ++at) {
        b = a;
        b[offset + at] = '\x80';  // larger, as an unsigned byte
        if (at + 1 < length) b[offset + at + 1] = '\0';
        ASSERT_EQ(Sign(compare(first, b.data() + offset, length)), -1)
            << length << " bytes, " << at;
        ASSERT_EQ(Sign(compare(b.data() + offset, first, length)), 1);
        ASSERT_EQ(compare(first, b.data() + offset, at), 0);
      }
    }
  }
}

TEST(CLibrary, SysconfTellsOfMemory) {
  long all = sysconf(_SC_PHYS_PAGES), free = sysconf(_SC_AVPHYS_PAGES);
  EXPECT_GT(free, 0);
  EXPECT_GT(all, free);
  EXPECT_EQ(sysconf(_SC_PAGESIZE), 4096);
}

}  // namespace
}  // namespace ebbrt
