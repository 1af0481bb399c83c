#include "native/heap.h"

#include <gtest/gtest.h>

#include <malloc.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <random>
#include <utility>
#include <vector>

#include "common/future.h"
#include "common/run_on.h"
#include "native/page_allocator.h"
#include "native/size_classes.h"
#include "platform/core.h"

namespace ebbrt {
namespace {

bool IsAligned(const void* p, size_t alignment) {
  return reinterpret_cast<uintptr_t>(p) % alignment == 0;
}

TEST(SizeClasses, HoldWhatTheyAreAskedForAndWasteAFifth) {
  for (size_t size = 1; size <= kLargestSmall; ++size) {
    size_t given = kClasses[ClassOf(size)].size;
    ASSERT_GE(given, size);
    if (size > 128) {
      ASSERT_LE(given - size, size / 4) << size;
    }
  }
}

TEST(Heap, EveryBlockIsAlignedAndItsOwn) {
  std::mt19937 random(1);
  struct Block {
    unsigned char* memory;
    size_t size;
    unsigned char mark;
  };
  std::vector<Block> blocks;
  auto check_and_free = [&](size_t i) {
    for (size_t k = 0; k < blocks[i].size; ++k) {
      ASSERT_EQ(blocks[i].memory[k], blocks[i].mark);
    }
    std::free(blocks[i].memory);
    blocks[i] = blocks.back();
    blocks.pop_back();
  };
  for (int round = 0; round < 3000; ++round) {
    size_t size = random() % (size_t{1} << random() % 17) + 1;
    auto mark = static_cast<unsigned char>(round);
    auto* memory = static_cast<unsigned char*>(std::malloc(size));
    ASSERT_NE(memory, nullptr);
    ASSERT_TRUE(IsAligned(memory, 16));
    ASSERT_GE(malloc_usable_size(memory), size);
    std::memset(memory, mark, size);
    blocks.push_back({memory, size, mark});
    if (blocks.size() > 100) check_and_free(random() % blocks.size());
  }
  while (!blocks.empty()) check_and_free(0);
}

TEST(Heap, AlignsAsAsked) {
  for (size_t alignment = 8; alignment <= size_t{1} << 21; alignment *= 2) {
    for (size_t size : {size_t{1}, size_t{100}, size_t{5000}, size_t{70000}}) {
      void* memory = nullptr;
      ASSERT_EQ(posix_memalign(&memory, alignment, size), 0);
      EXPECT_TRUE(IsAligned(memory, alignment)) << alignment << " " << size;
      EXPECT_GE(malloc_usable_size(memory), size);
      std::free(memory);
    }
  }
  void* memory = nullptr;
  EXPECT_EQ(posix_memalign(&memory, 24, 1), EINVAL);
}

TEST(Heap, ReallocKeepsTheContent) {
  std::vector<size_t> sizes = {1, 30, 500, 9000, 100'000, 40'000, 8200, 700, 3};
  auto* memory = static_cast<unsigned char*>(std::malloc(1));
  *memory = 0;
  size_t kept = 1;
  for (size_t size : sizes) {
    memory = static_cast<unsigned char*>(std::realloc(memory, size));
    ASSERT_NE(memory, nullptr);
    for (size_t i = 0; i < std::min(kept, size); ++i) {
      ASSERT_EQ(memory[i], static_cast<unsigned char>(i)) << size;
    }
    for (size_t i = 0; i < size; ++i) memory[i] = static_cast<unsigned char>(i);
    kept = size;
  }
  std::free(memory);
}

TEST(Heap, CallocClearsAndNoticesOverflow) {
  for (int round = 0; round < 2; ++round) {
    auto* memory = static_cast<unsigned char*>(std::calloc(300, 10));
    for (int i = 0; i < 3000; ++i) ASSERT_EQ(memory[i], 0);
    std::memset(memory, 0xFF, 3000);
    std::free(memory);
  }
  volatile size_t huge = SIZE_MAX / 2;
  EXPECT_EQ(std::calloc(huge, 4), nullptr);
}

TEST(Heap, ExhaustionIsNullOrAnException) {
  volatile size_t too_much = size_t{1} << 40;
  errno = 0;
  EXPECT_EQ(std::malloc(too_much), nullptr);
  EXPECT_EQ(errno, ENOMEM);
  EXPECT_THROW(static_cast<void>(::operator new(too_much)), std::bad_alloc);
}

TEST(Heap, SmallObjectsComeBackAfterExhaustion) {
  // All of memory in small objects, linked through themselves.
  struct Node {
    Node* next;
    char rest[1000];
  };
  Node* all = nullptr;
  size_t count = 0;
  while (auto* node = static_cast<Node*>(std::malloc(sizeof(Node)))) {
    node->next = all;
    all = node;
    ++count;
  }
  EXPECT_GT(count, 1000u);
  while (all != nullptr) std::free(std::exchange(all, all->next));
  // Their slabs are pages again, fit for anything.
  size_t half = count * sizeof(Node) / 2;
  void* large = std::malloc(half / 4);
  EXPECT_NE(large, nullptr);
  std::free(large);
}

TEST(Heap, LargeBlocksGoBackToThePages) {
  size_t before = PageAllocator::Statistics().free;
  for (int i = 0; i < 100; ++i) std::free(std::malloc(4 << 20));
  EXPECT_EQ(PageAllocator::Statistics().free, before);
}

TEST(Heap, WhatOneCoreAllocatesAnotherFrees) {
  if (platform::CoreCount() < 2) GTEST_SKIP() << "needs two cores";
  for (int round = 0; round < 20; ++round) {
    std::vector<void*> blocks;
    for (size_t size = 1; size < 5000; size += 37) {
      blocks.push_back(std::malloc(size));
      std::memset(blocks.back(), round, size);
    }
    RunOn(1, [&blocks] {
      for (void* block : blocks) std::free(block);
    }).Get();
  }
}

TEST(Heap, CoresAllocateTogetherAndGetDifferentMemory) {
  std::atomic<int> damaged = 0;
  RunOnEveryCore([&damaged] {
    CoreId core = platform::CurrentCore();
    std::mt19937 random(core + 1);
    struct Block {
      uint64_t* words;
      size_t count;
    };
    std::vector<Block> blocks;
    for (int i = 0; i < 3000; ++i) {
      size_t size = random() % (size_t{1} << (random() % 17 + 4)) + 8;
      auto* words = static_cast<uint64_t*>(std::malloc(size));
      std::fill_n(words, size / 8, reinterpret_cast<uint64_t>(words) + core);
      blocks.push_back({words, size / 8});
      if (blocks.size() < 20) continue;
      std::swap(blocks[random() % 20], blocks.back());
      auto [old, count] = blocks.back();
      blocks.pop_back();
      for (size_t k = 0; k < count; ++k) {
        if (old[k] != reinterpret_cast<uint64_t>(old) + core) ++damaged;
      }
      std::free(old);
    }
    for (auto& block : blocks) std::free(block.words);
  }).Get();
  EXPECT_EQ(damaged, 0);
}

TEST(PageAllocator, AlignsAndJoinsAgain) {
  size_t before = PageAllocator::Statistics().free;
  std::vector<std::pair<void*, size_t>> runs;
  std::mt19937 random(2);
  for (int i = 0; i < 200; ++i) {
    size_t count = random() % 40 + 1;
    size_t alignment = kPageSize << random() % 5;
    void* pages = AllocatePages(count, alignment);
    ASSERT_NE(pages, nullptr);
    ASSERT_TRUE(IsAligned(pages, alignment));
    std::memset(pages, 0xAA, count * kPageSize);
    runs.emplace_back(pages, count);
  }
  std::shuffle(runs.begin(), runs.end(), random);
  for (auto [pages, count] : runs) {
    // In two parts, the second first.
    size_t first = count / 2;
    FreePages(static_cast<char*>(pages) + first * kPageSize, count - first);
    if (first > 0) FreePages(pages, first);
  }
  runs.clear();
  // But for the vectors' own memory and pages kept singly.
  EXPECT_NEAR(PageAllocator::Statistics().free, before,
              8 + PageAllocator::kMaxKept);
}

}  // namespace
}  // namespace ebbrt
