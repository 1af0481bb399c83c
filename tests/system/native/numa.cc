// Checks that memory comes from the NUMA node of the core that asks, goes back
// to it whoever frees, and comes from another node when it is used up. Says
// which core is on which node and how much memory each has; test_numa.py knows
// the machine.

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "common/run_on.h"
#include "common/runtime.h"
#include "native/heap.h"
#include "native/numa.h"
#include "native/page_allocator.h"
#include "native/slab_allocator.h"
#include "platform/core.h"
#include "platform/log.h"
#include "require.h"

namespace {

using ebbrt::kPageSize;
using ebbrt::PageAllocator;
using ebbrt_test::Require;

unsigned Here() { return ebbrt::NumaNodeOf(ebbrt::platform::CurrentCore()); }

void CheckPlacement() {
  for (size_t size : {size_t{16}, size_t{3000}, size_t{1} << 20}) {
    std::vector<void*> blocks;
    for (int i = 0; i < 300; ++i) {
      blocks.push_back(std::malloc(size));
      Require(PageAllocator::NodeOf(blocks.back()) == Here(),
              "malloc gave another node's memory");
      if (size > 100'000 && i == 10) break;
    }
    for (void* block : blocks) std::free(block);
  }
  void* page = ebbrt::page_allocator->Allocate(1);
  Require(PageAllocator::NodeOf(page) == Here(), "the page is another node's");
  ebbrt::page_allocator->Free(page, 1);
}

size_t FreeOf(unsigned node) { return PageAllocator::StatisticsOf(node).free; }

/// What a core of each node allocates a core of the other frees.
void CheckRemoteFrees() {
  auto last = static_cast<ebbrt::CoreId>(ebbrt::platform::CoreCount() - 1);
  std::vector<size_t> before;
  for (unsigned node = 0; node < 2; ++node) before.push_back(FreeOf(node));
  for (int round = 0; round < 3; ++round) {
    for (auto [from, to] :
         {std::pair<ebbrt::CoreId, ebbrt::CoreId>{0, last}, {last, 0}}) {
      std::vector<void*> blocks(20'000);
      ebbrt::RunOn(from, [&] {
        for (void*& block : blocks) block = std::malloc(256);
      }).Get();
      ebbrt::RunOn(to, [&] {
        for (void* block : blocks) std::free(block);
      }).Get();
    }
  }
  // What came from elsewhere was not kept.
  ebbrt::RunOnEveryCore(&CheckPlacement).Get();
  ebbrt::RunOnEveryCore([] { ebbrt::general_purpose_allocator->Drain(); }).Get();
  for (unsigned node = 0; node < 2; ++node) {
    constexpr size_t kKept = 4 * PageAllocator::kMaxKept + 64;
    size_t now = FreeOf(node);
    Require(now + kKept > before[node] && before[node] + kKept > now,
            "memory has changed its node");
  }
}

void CheckExhaustion() {
  unsigned other = 1 - Here();
  struct Block {
    Block* next;
  };
  Block* all = nullptr;
  constexpr size_t kPages = 64;
  for (;;) {
    auto* block = static_cast<Block*>(ebbrt::page_allocator->Allocate(kPages));
    Require(block != nullptr, "the other node's memory was not used");
    block->next = std::exchange(all, block);
    if (PageAllocator::NodeOf(block) == other) break;
  }
  // But for what is left between blocks.
  Require(FreeOf(Here()) < 16 * kPages, "the own node was not used up first");
  while (all != nullptr) {
    ebbrt::page_allocator->Free(std::exchange(all, all->next), kPages);
  }
}

void CheckSlabAllocator() {
  auto slabs = ebbrt::SlabAllocator::Create(48);
  ebbrt::RunOnEveryCore([slabs] {
    std::vector<void*> objects;
    for (int i = 0; i < 1000; ++i) {
      objects.push_back(slabs->Allocate());
      Require(PageAllocator::NodeOf(objects.back()) == Here(),
              "a slab is another node's memory");
    }
    for (void* object : objects) slabs->Free(object);
  }).Get();
  ebbrt::SlabAllocator::Destroy(slabs).Get();
}

}  // namespace

void ebbrt::AppMain() {
  std::string text;
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    text += "core " + std::to_string(core) + " node " +
            std::to_string(NumaNodeOf(core)) + "\n";
  }
  for (unsigned node = 0; node < 2; ++node) {
    auto pages = PageAllocator::StatisticsOf(node).total;
    text += "node " + std::to_string(node) + " MiB " +
            std::to_string((pages * kPageSize + (1 << 19)) >> 20) + "\n";
  }
  platform::WriteConsole(text);
  try {
    ebbrt::RunOnEveryCore(&CheckPlacement).Get();
    CheckRemoteFrees();
    ebbrt::RunOn(0, &CheckExhaustion).Get();
    ebbrt::RunOn(static_cast<CoreId>(platform::CoreCount() - 1),
                 &CheckExhaustion)
        .Get();
    CheckSlabAllocator();
  } catch (const std::exception& error) {
    platform::WriteConsole(std::string("numa: ") + error.what() + "\n");
    runtime::Exit(1);
  }
  platform::WriteConsole("numa ok\n");
  runtime::Exit(0);
}
