#include "native/slab_allocator.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <stdexcept>
#include <vector>

#include "common/run_on.h"
#include "native/heap.h"
#include "native/page_allocator.h"
#include "platform/core.h"

namespace ebbrt {
namespace {

/// Nothing is left in the allocators' own lists that would hide a loss.
size_t FreePages() {
  general_purpose_allocator->Drain();
  return PageAllocator::Statistics().free;
}

TEST(SlabAllocator, GivesObjectsOfItsSizeAndAllOfThemBack) {
  size_t before = FreePages();
  for (size_t size : {1, 16, 40, 100, 1000, 5000, 8192}) {
    auto slabs = SlabAllocator::Create(size);
    std::vector<void*> objects;
    std::set<void*> different;
    for (int i = 0; i < 500; ++i) {
      void* object = slabs->Allocate();
      ASSERT_EQ(reinterpret_cast<uintptr_t>(object) % 16, 0u);
      std::memset(object, i, size);
      objects.push_back(object);
      different.insert(object);
    }
    EXPECT_EQ(different.size(), 500u);
    for (int i = 0; i < 500; ++i) {
      auto* bytes = static_cast<unsigned char*>(objects[i]);
      for (size_t at = 0; at < size; ++at) {
        ASSERT_EQ(bytes[at], static_cast<unsigned char>(i));
      }
      slabs->Free(objects[i]);
    }
    SlabAllocator::Destroy(slabs).Get();
  }
  EXPECT_NEAR(FreePages(), before, 2 * PageAllocator::kMaxKept);
}

TEST(SlabAllocator, PacksTighterThanMalloc) {
  // 520 bytes are 640 to malloc.
  auto slabs = SlabAllocator::Create(520);
  std::vector<char*> objects;
  for (int i = 0; i < 8; ++i) {
    objects.push_back(static_cast<char*>(slabs->Allocate()));
  }
  size_t least = SIZE_MAX;
  for (size_t i = 1; i < objects.size(); ++i) {
    least = std::min<size_t>(least, std::abs(objects[i] - objects[i - 1]));
  }
  EXPECT_EQ(least, 528u);
  for (char* object : objects) slabs->Free(object);
  SlabAllocator::Destroy(slabs).Get();
}

TEST(SlabAllocator, AnyCoreFrees) {
  if (platform::CoreCount() < 2) GTEST_SKIP() << "needs two cores";
  auto slabs = SlabAllocator::Create(64);
  std::vector<void*> objects;
  for (int i = 0; i < 3000; ++i) objects.push_back(slabs->Allocate());
  RunOn(1, [&] {
    for (void* object : objects) slabs->Free(object);
  }).Get();
  SlabAllocator::Destroy(slabs).Get();
}

TEST(SlabAllocator, RefusesWhatAreNoSmallObjects) {
  EXPECT_THROW(SlabAllocator::Create(0), std::invalid_argument);
  EXPECT_THROW(SlabAllocator::Create(8193), std::invalid_argument);
}

TEST(PageAllocator, KeepsFewSinglePagesPerCore) {
  std::vector<void*> pages;
  size_t before = PageAllocator::Statistics().free;
  for (int i = 0; i < 500; ++i) pages.push_back(page_allocator->Allocate(1));
  EXPECT_LE(PageAllocator::Statistics().free,
            before - 500 + PageAllocator::kMaxKept);
  for (void* page : pages) page_allocator->Free(page, 1);
  EXPECT_NEAR(PageAllocator::Statistics().free, before,
              PageAllocator::kMaxKept);
}

TEST(AllocatorEbbs, AreTheCoresOwn) {
  EXPECT_EQ(&*page_allocator, &PageAllocator::Own());
  EXPECT_EQ(&*general_purpose_allocator, &GeneralPurposeAllocator::Own());
  void* memory = general_purpose_allocator->Allocate(100);
  EXPECT_GE(general_purpose_allocator->UsableSize(memory), 100u);
  std::free(memory);
}

}  // namespace
}  // namespace ebbrt
