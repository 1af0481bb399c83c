#include "native/virtual_memory.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <new>
#include <random>
#include <stdexcept>
#include <vector>

#include "common/event_manager.h"
#include "common/future.h"
#include "common/run_on.h"
#include "common/timer.h"
#include "native/page_allocator.h"
#include "platform/core.h"

namespace ebbrt {
namespace {

using std::chrono_literals::operator""ms;

constexpr size_t kLarge = size_t{2} << 20;

struct Region {
  explicit Region(size_t size, size_t alignment = kPageSize,
                  PageFaultHandler handler = nullptr)
      : size(size),
        begin(static_cast<char*>(
            virtual_memory->Reserve(size, alignment, std::move(handler)))) {}
  ~Region() {
    if (begin != nullptr) virtual_memory->Release(begin, size);
  }
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  size_t size;
  char* begin;
};

uint64_t ReadWord(const void* at) {
  return *static_cast<const volatile uint64_t*>(at);
}
void WriteWord(void* at, uint64_t value) {
  *static_cast<volatile uint64_t*>(at) = value;
}

/// The pages that are free when everything that can be is given back. What the
/// heap holds for itself may differ by a few.
size_t FreePagesNow() { return PageAllocator::Statistics().free; }
constexpr size_t kHeapsOwn = 24;

TEST(VirtualMemory, CommittedMemoryIsZeroAndKeepsItsContent) {
  Region region(10 * kPageSize);
  virtual_memory->Commit(region.begin, region.size, Access::kReadWrite);
  for (size_t at = 0; at < region.size; at += sizeof(uint64_t)) {
    ASSERT_EQ(ReadWord(region.begin + at), 0u);
    WriteWord(region.begin + at, at);
  }
  virtual_memory->Commit(region.begin, region.size, Access::kRead);
  for (size_t at = 0; at < region.size; at += sizeof(uint64_t)) {
    ASSERT_EQ(ReadWord(region.begin + at), at);
  }
  virtual_memory->Decommit(region.begin + kPageSize, kPageSize);
  virtual_memory->Commit(region.begin, region.size, Access::kReadWrite);
  EXPECT_EQ(ReadWord(region.begin + kPageSize), 0u);
  EXPECT_EQ(ReadWord(region.begin + 2 * kPageSize), 2 * kPageSize);
}

TEST(VirtualMemory, RegionsAreAlignedAsAskedAndApart) {
  std::vector<std::pair<char*, size_t>> regions;
  for (size_t size : {size_t{1}, size_t{4097}, size_t{65536}, size_t{100'000},
                      size_t{3} << 20, size_t{5} << 30}) {
    for (size_t alignment = kPageSize; alignment <= size_t{4} << 30;
         alignment *= 16) {
      auto* begin =
          static_cast<char*>(virtual_memory->Reserve(size, alignment));
      ASSERT_EQ(reinterpret_cast<uintptr_t>(begin) % alignment, 0u);
      for (auto [other, other_size] : regions) {
        ASSERT_TRUE(begin + size <= other || other + other_size <= begin);
      }
      regions.emplace_back(begin, size);
    }
  }
  for (auto [begin, size] : regions) virtual_memory->Release(begin, size);
}

TEST(VirtualMemory, AThousandGigabytesCostOnlyWhatIsCommitted) {
  size_t before = FreePagesNow();
  {
    constexpr size_t kSize = size_t{1} << 40;
    Region region(kSize);
    virtual_memory->CommitOnDemand(region.begin, kSize, Access::kReadWrite);
    for (size_t at = 0; at < kSize; at += kSize / 16) {
      WriteWord(region.begin + at, at + 1);
    }
    for (size_t at = 0; at < kSize; at += kSize / 16) {
      ASSERT_EQ(ReadWord(region.begin + at), at + 1);
      ASSERT_EQ(ReadWord(region.begin + at + kPageSize), 0u);
    }
    // 32 pages of 16 places, each with two tables, and what stands above them.
    EXPECT_LT(before - FreePagesNow(), 32u + 2 * 16 + 8 + kHeapsOwn);
  }
  EXPECT_NEAR(FreePagesNow(), before, kHeapsOwn);
}

TEST(VirtualMemory, LargePagesAreUsedAndSplit) {
  size_t before = FreePagesNow();
  {
    Region region(4 * kLarge, kLarge);
    virtual_memory->Commit(region.begin, region.size, Access::kReadWrite);
    for (size_t at = 0; at < region.size; at += kPageSize) {
      WriteWord(region.begin + at, at);
    }
    // One contiguous block: this is what a large page is.
    EXPECT_EQ(PhysicalAddress(region.begin + kLarge - kPageSize) -
                  PhysicalAddress(region.begin),
              kLarge - kPageSize);
    char* middle = region.begin + kLarge / 2;
    virtual_memory->Protect(middle, kPageSize, Access::kRead);
    virtual_memory->Decommit(middle + kPageSize, kPageSize);
    virtual_memory->Commit(middle + kPageSize, kPageSize, Access::kReadWrite);
    for (size_t at = 0; at < region.size; at += kPageSize) {
      bool new_page = region.begin + at == middle + kPageSize;
      ASSERT_EQ(ReadWord(region.begin + at), new_page ? 0 : at);
    }
  }
  EXPECT_NEAR(FreePagesNow(), before, kHeapsOwn);
}

TEST(VirtualMemory, AnyOrderOfChangesGivesEverythingBack) {
  // What each page is to hold is kept beside the region and compared.
  constexpr size_t kPages = 1300;  // two large pages and more
  std::mt19937 random(7);
  size_t before = FreePagesNow();
  for (int round = 0; round < 6; ++round) {
    Region region(kPages * kPageSize);
    struct Page {
      bool memory = false;
      bool writable = false;
      uint64_t value = 0;
    };
    std::vector<Page> pages(kPages);
    for (int step = 0; step < 120; ++step) {
      size_t first = random() % kPages;
      size_t count = random() % (random() % 8 == 0 ? kPages : 40) + 1;
      count = std::min(count, kPages - first);
      char* begin = region.begin + first * kPageSize;
      bool writable = random() % 2 == 0;
      Access access = writable ? Access::kReadWrite : Access::kRead;
      auto change = [&](auto update) {
        for (size_t i = first; i < first + count; ++i) update(pages[i]);
      };
      switch (random() % 4) {
        case 0:
          virtual_memory->Commit(begin, count * kPageSize, access);
          change([&](Page& p) {
            if (!p.memory) p.value = 0;
            p.memory = true;
            p.writable = writable;
          });
          break;
        case 1:
          virtual_memory->CommitOnDemand(begin, count * kPageSize, access);
          change([&](Page& p) {
            if (!p.memory) p.value = 0;
            p.memory = true;
            p.writable = writable;
          });
          break;
        case 2:
          virtual_memory->Protect(begin, count * kPageSize, access);
          change([&](Page& p) { p.writable = p.memory && writable; });
          break;
        case 3:
          virtual_memory->Decommit(begin, count * kPageSize);
          change([](Page& p) { p = {}; });
          break;
      }
      for (int look = 0; look < 30; ++look) {
        size_t i = random() % kPages;
        if (!pages[i].memory) continue;
        char* at = region.begin + i * kPageSize + i % 512 * 8;
        ASSERT_EQ(ReadWord(at), pages[i].value);
        if (pages[i].writable) WriteWord(at, pages[i].value = random());
      }
    }
    if (round % 2 == 0) {
      // Released in pieces, the middle first.
      constexpr size_t kPiece = 100 * kPageSize;
      for (size_t piece : {7, 3, 4, 0, 12, 1, 2, 11, 9, 10, 8, 5, 6}) {
        virtual_memory->Release(region.begin + piece * kPiece, kPiece);
      }
      region.begin = nullptr;
    }
  }
  EXPECT_NEAR(FreePagesNow(), before, kHeapsOwn);
}

TEST(VirtualMemory, WhatIsNotReservedIsRefused) {
  Region region(8 * kPageSize);
  char* end = region.begin + region.size;
  auto& memory = *virtual_memory;
  int here = 0;
  EXPECT_THROW(memory.Commit(&here, 1, Access::kRead), std::invalid_argument);
  EXPECT_THROW(memory.Commit(end - 1, 2, Access::kRead), std::invalid_argument);
  EXPECT_THROW(memory.Commit(region.begin, 0, Access::kRead),
               std::invalid_argument);
  EXPECT_THROW(memory.Protect(end, kPageSize, Access::kRead),
               std::invalid_argument);
  EXPECT_THROW(memory.Decommit(nullptr, SIZE_MAX), std::invalid_argument);
  memory.Release(region.begin + 2 * kPageSize, kPageSize);
  EXPECT_THROW(memory.Release(region.begin + 2 * kPageSize, 1),
               std::invalid_argument);
  EXPECT_THROW(memory.Commit(region.begin, region.size, Access::kRead),
               std::invalid_argument);
  memory.Commit(region.begin, 2 * kPageSize, Access::kRead);
  memory.Release(region.begin, 2 * kPageSize);
  memory.Release(region.begin + 3 * kPageSize, 5 * kPageSize);
  region.begin = nullptr;
  EXPECT_THROW(memory.Reserve(0), std::invalid_argument);
  EXPECT_THROW(memory.Reserve(1, 24), std::invalid_argument);
  EXPECT_THROW(memory.Reserve(SIZE_MAX), std::bad_alloc);
}

TEST(VirtualMemory, ExhaustionIsReportedAndChangesNothing) {
  size_t before = FreePagesNow();
  Region region((before + 1024) * kPageSize);
  virtual_memory->Commit(region.begin, kPageSize, Access::kReadWrite);
  WriteWord(region.begin, 17);
  virtual_memory->CommitOnDemand(region.begin + kPageSize, kPageSize,
                                 Access::kReadWrite);
  EXPECT_THROW(virtual_memory->Commit(region.begin, region.size, Access::kRead),
               std::bad_alloc);
  EXPECT_NEAR(FreePagesNow(), before, kHeapsOwn + before / 512);  // and tables
  EXPECT_EQ(ReadWord(region.begin), 17u);
  WriteWord(region.begin, 18);              // still writable
  WriteWord(region.begin + kPageSize, 19);  // still due
  virtual_memory->Commit(region.begin, 100 * kPageSize, Access::kReadWrite);
  EXPECT_EQ(ReadWord(region.begin + kPageSize), 19u);
}

TEST(VirtualMemory, AHandlerGivesEachPageItsContent) {
  std::atomic<int> calls = 0;
  char* begin = nullptr;
  Region region(64 * kPageSize, kPageSize, [&](const PageFault& fault) {
    ++calls;
    std::array<uint64_t, kPageSize / 8> content;
    uint64_t page =
        (fault.address - reinterpret_cast<uintptr_t>(begin)) / kPageSize;
    content.fill(page + 1);
    virtual_memory->CommitCopy(reinterpret_cast<void*>(fault.address),
                               std::as_bytes(std::span(content)),
                               Access::kRead);
    return true;
  });
  begin = region.begin;
  for (size_t i = 0; i < 64; ++i) {
    ASSERT_EQ(ReadWord(region.begin + i * kPageSize + 8 * i), i + 1);
  }
  EXPECT_EQ(calls, 64);
  virtual_memory->Decommit(region.begin, kPageSize);
  EXPECT_EQ(ReadWord(region.begin), 1u);
  EXPECT_EQ(calls, 65);
}

TEST(VirtualMemory, AHandlerIsToldWhatWasTried) {
  std::vector<Access> tried;
  char* begin = nullptr;
  Region region(kPageSize, kPageSize, [&](const PageFault& fault) {
    EXPECT_EQ(fault.address, reinterpret_cast<uintptr_t>(begin) + 5);
    tried.push_back(fault.access);
    virtual_memory->Commit(begin, kPageSize,
                           tried.size() == 1   ? Access::kRead
                           : tried.size() == 2 ? Access::kReadWrite
                                               : Access::kReadExecute);
    return true;
  });
  begin = region.begin;
  volatile char* at = begin + 5;
  EXPECT_EQ(*at, 0);
  *at = static_cast<char>(0xC3);  // ret
  reinterpret_cast<void (*)()>(begin + 5)();
  EXPECT_EQ(tried, (std::vector{Access::kRead, Access::kReadWrite,
                                Access::kReadExecute}));
}

TEST(VirtualMemory, AFaultKeepsEveryRegister) {
  char* begin = nullptr;
  Region region(kPageSize, kPageSize, [&](const PageFault&) {
    virtual_memory->Commit(begin, kPageSize, Access::kReadWrite);
    asm volatile(
        "pxor %%xmm0, %%xmm0; pxor %%xmm7, %%xmm7; pxor %%xmm15, %%xmm15; fld1"
        :
        :
        : "xmm0", "xmm7", "xmm15", "st");
    asm volatile("fstp %%st(0)" : : : "st");
    return true;
  });
  begin = region.begin;
  uint64_t out[3] = {};
  uint64_t flags_carry = 0, r15 = 0, below_stack = 0;
  asm volatile(
      "movq %[a], %%xmm0; movq %[b], %%xmm7; movq %[c], %%xmm15\n\t"
      "movq %[c], %%r15; movq %[b], -64(%%rsp)\n\t"  // in the red zone
      "stc\n\t"
      "movq (%[page]), %%rax\n\t"
      "setc %b[carry]\n\t"
      "movq %%r15, %[r15]; movq -64(%%rsp), %[below]\n\t"
      "movq %%xmm0, %[x]; movq %%xmm7, %[y]; movq %%xmm15, %[z]"
      : [x] "=m"(out[0]), [y] "=m"(out[1]), [z] "=m"(out[2]),
        [carry] "+&r"(flags_carry), [r15] "=&r"(r15), [below] "=&r"(below_stack)
      : [a] "r"(uint64_t{0x1111}), [b] "r"(uint64_t{0x2222}),
        [c] "r"(uint64_t{0x3333}), [page] "r"(begin)
      : "rax", "r15", "xmm0", "xmm7", "xmm15", "memory");
  EXPECT_EQ(out[0], 0x1111u);
  EXPECT_EQ(out[1], 0x2222u);
  EXPECT_EQ(out[2], 0x3333u);
  EXPECT_EQ(flags_carry, 1u);
  EXPECT_EQ(r15, 0x3333u);
  EXPECT_EQ(below_stack, 0x2222u);
}

TEST(VirtualMemory, AHandlerMayBlockAndFaultItself) {
  char* inner_begin = nullptr;
  Region inner(kPageSize, kPageSize, [&](const PageFault&) {
    Promise<> fetched;
    auto future = fetched.GetFuture();
    Timer timer;
    timer.Start(1ms, [&] { fetched.SetValue(); });
    future.Get();
    virtual_memory->Commit(inner_begin, kPageSize, Access::kReadWrite);
    WriteWord(inner_begin, 40);
    return true;
  });
  inner_begin = inner.begin;
  char* outer_begin = nullptr;
  Region outer(kPageSize, kPageSize, [&](const PageFault&) {
    uint64_t value = ReadWord(inner_begin) + 2;
    virtual_memory->Commit(outer_begin, kPageSize, Access::kReadWrite);
    WriteWord(outer_begin, value);
    return true;
  });
  outer_begin = outer.begin;
  bool others_ran = false;
  event_manager->SpawnLocal([&] { others_ran = true; });
  EXPECT_EQ(ReadWord(outer_begin), 42u);
  EXPECT_TRUE(others_ran);
}

/// Runs `work` on each of the other cores at once, and `here` meanwhile.
void WithOtherCores(const std::function<void()>& work,
                    const std::function<void()>& here) {
  std::vector<Future<>> done;
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    if (core == platform::CurrentCore()) continue;
    done.push_back(RunOn(core, work));
  }
  here();
  WhenAll(std::move(done)).Get();
}

TEST(VirtualMemory, RightsEndOnEveryCoreAtOnce) {
  if (platform::CoreCount() < 2) GTEST_SKIP() << "needs two cores";
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> started = 0, faults = 0;
  char* begin = nullptr;
  Region region(kPageSize, kPageSize, [&](const PageFault&) {
    ++faults;
    while (!stop) platform::CpuRelax();
    virtual_memory->Commit(begin, kPageSize, Access::kReadWrite);
    return true;
  });
  begin = region.begin;
  virtual_memory->Commit(begin, kPageSize, Access::kReadWrite);
  auto* words = reinterpret_cast<std::atomic<uint64_t>*>(begin);
  WithOtherCores(
      [&] {
        ++started;
        // Without an end of its event, so without taking an interrupt.
        while (!stop) words[platform::CurrentCore()].fetch_add(1);
      },
      [&] {
        uint64_t others = platform::CoreCount() - 1;
        while (started != others) platform::CpuRelax();
        virtual_memory->Protect(begin, kPageSize, Access::kRead);
        auto sum = [&] {
          uint64_t all = 0;
          for (CoreId c = 0; c < platform::CoreCount(); ++c) all += words[c];
          return all;
        };
        uint64_t at_return = sum();
        while (faults != others) platform::CpuRelax();
        EXPECT_EQ(sum(), at_return);
        stop = true;
      });
}

TEST(VirtualMemory, CoresFaultChangeAndFlushTogether) {
  size_t before = FreePagesNow();
  {
    Region region(256 * kPageSize);
    virtual_memory->CommitOnDemand(region.begin, region.size,
                                   Access::kReadWrite);
    auto work = [&] {
      std::mt19937 random(platform::CurrentCore() + 1);
      for (int i = 0; i < 60; ++i) {
        // Each core has its own pages, among those of the others.
        size_t page =
            random() % (256 / platform::CoreCount()) * platform::CoreCount() +
            platform::CurrentCore();
        char* at = region.begin + page * kPageSize;
        WriteWord(at, i);
        virtual_memory->Protect(at, kPageSize, Access::kRead);
        ASSERT_EQ(ReadWord(at), static_cast<uint64_t>(i));
        virtual_memory->Protect(at, kPageSize, Access::kReadWrite);
        if (i % 3 == 0) {
          virtual_memory->Decommit(at, kPageSize);
          virtual_memory->CommitOnDemand(at, kPageSize, Access::kReadWrite);
          ASSERT_EQ(ReadWord(at), 0u);
        }
      }
    };
    WithOtherCores(work, work);
  }
  EXPECT_NEAR(FreePagesNow(), before, kHeapsOwn);
}

TEST(VirtualMemory, OnePageIsFilledOnceForAllCores) {
  std::atomic<uint64_t> calls = 0;
  char* begin = nullptr;
  Region region(50 * kPageSize, kPageSize, [&](const PageFault& fault) {
    std::array<uint64_t, kPageSize / 8> content;
    content.fill(++calls);
    virtual_memory->CommitCopy(reinterpret_cast<void*>(fault.address),
                               std::as_bytes(std::span(content)),
                               Access::kRead);
    return true;
  });
  begin = region.begin;
  std::array<std::atomic<uint64_t>, 50> seen{};
  auto work = [&] {
    for (size_t i = 0; i < 50; ++i) {
      uint64_t value = ReadWord(begin + i * kPageSize);
      uint64_t first = seen[i].exchange(value);
      ASSERT_TRUE(first == 0 || first == value);
    }
  };
  WithOtherCores(work, work);
}

}  // namespace
}  // namespace ebbrt
