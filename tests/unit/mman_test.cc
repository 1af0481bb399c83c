// mmap and its relatives: the C library's on Linux, ours at ring 0.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

namespace ebbrt {
namespace {

constexpr size_t kPage = 4096;
constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS;
constexpr int kReadWrite = PROT_READ | PROT_WRITE;

char* Map(size_t size, int protection, int flags = kPrivate) {
  return static_cast<char*>(mmap(nullptr, size, protection, flags, -1, 0));
}

TEST(Mman, MapsZeroedMemory) {
  for (int flags : {kPrivate, kPrivate | MAP_POPULATE}) {
    constexpr size_t kSize = 300 * kPage + 5;
    char* memory = Map(kSize, kReadWrite, flags);
    ASSERT_NE(memory, MAP_FAILED);
    for (size_t at = 0; at < kSize; at += 512) ASSERT_EQ(memory[at], 0);
    std::memset(memory, 1, kSize);
    EXPECT_EQ(munmap(memory, kSize), 0);
  }
}

TEST(Mman, ReservesMuchAndUsesLittle) {
  constexpr size_t kSize = size_t{256} << 30;
  char* memory = Map(kSize, PROT_NONE, kPrivate | MAP_NORESERVE);
  ASSERT_NE(memory, MAP_FAILED);
  char* middle = memory + kSize / 2;
  ASSERT_EQ(mprotect(middle, 4 * kPage, kReadWrite), 0);
  std::strcpy(middle + kPage, "kept");
  ASSERT_EQ(mprotect(middle, 4 * kPage, PROT_NONE), 0);
  ASSERT_EQ(mprotect(middle, 4 * kPage, PROT_READ), 0);
  EXPECT_STREQ(middle + kPage, "kept");
  EXPECT_EQ(munmap(memory, kSize), 0);
}

TEST(Mman, GivesMemoryBackAndStartsAnew) {
  char* memory = Map(8 * kPage, kReadWrite);
  ASSERT_NE(memory, MAP_FAILED);
  std::memset(memory, 7, 8 * kPage);
  ASSERT_EQ(madvise(memory + kPage, kPage, MADV_DONTNEED), 0);
  EXPECT_EQ(memory[kPage], 0);
  EXPECT_EQ(memory[2 * kPage], 7);
  memory[kPage] = 8;  // as writable as before
  void* again =
      mmap(memory + 4 * kPage, kPage, kReadWrite, kPrivate | MAP_FIXED, -1, 0);
  ASSERT_EQ(again, memory + 4 * kPage);
  EXPECT_EQ(memory[4 * kPage], 0);
  EXPECT_EQ(memory[5 * kPage], 7);
  // The ends first, as who aligns a mapping does.
  EXPECT_EQ(munmap(memory, 2 * kPage), 0);
  EXPECT_EQ(munmap(memory + 6 * kPage, 2 * kPage), 0);
  EXPECT_EQ(memory[3 * kPage], 7);
  EXPECT_EQ(munmap(memory + 2 * kPage, 4 * kPage), 0);
}

TEST(Mman, RunsWhatWasWritten) {
  char* code = Map(kPage, kReadWrite);
  ASSERT_NE(code, MAP_FAILED);
  const unsigned char kReturn42[] = {0xB8, 42, 0, 0, 0, 0xC3};
  std::memcpy(code, kReturn42, sizeof(kReturn42));
  ASSERT_EQ(mprotect(code, kPage, PROT_READ | PROT_EXEC), 0);
  EXPECT_EQ(reinterpret_cast<int (*)()>(code)(), 42);
  EXPECT_EQ(munmap(code, kPage), 0);
}

TEST(Mman, RefusesWhatCannotBe) {
  errno = 0;
  EXPECT_EQ(Map(0, kReadWrite), MAP_FAILED);
  EXPECT_EQ(errno, EINVAL);
  errno = 0;
  EXPECT_EQ(Map(SIZE_MAX / 2, kReadWrite), MAP_FAILED);
  EXPECT_EQ(errno, ENOMEM);
  char* memory = Map(kPage, kReadWrite);
  errno = 0;
  EXPECT_EQ(mprotect(memory + 1, 1, PROT_READ), -1);
  EXPECT_EQ(errno, EINVAL);
  errno = 0;
  EXPECT_EQ(munmap(memory + 1, kPage), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(munmap(memory, kPage), 0);
  errno = 0;
  EXPECT_EQ(mprotect(memory, kPage, PROT_READ), -1);
  EXPECT_EQ(errno, ENOMEM);
}

}  // namespace
}  // namespace ebbrt
