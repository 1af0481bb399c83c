#include "bench/images/threadtest.h"

#include <cstdlib>
#include <memory>
#include <vector>

namespace threadtest {
namespace {

/// Threads wait for each other, running: all begin at once.
class StartingLine {
 public:
  explicit StartingLine(unsigned threads) : missing_(threads) {}
  void Wait() {
    missing_.fetch_sub(1);
    while (missing_.load() != 0) asm volatile("pause");
  }

 private:
  std::atomic<unsigned> missing_;
};

void* Allocate(size_t bytes) {
  void* block = std::malloc(bytes);
  asm volatile("" : "+r"(block) : : "memory");
  return block;
}

/// Hoard's threadtest: each thread allocates its share of `objects`, then frees
/// it, round after round.
void OwnObjects(size_t share, size_t bytes, uint64_t rounds) {
  auto blocks = std::make_unique<void*[]>(share);
  for (uint64_t round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < share; ++i) blocks[i] = Allocate(bytes);
    for (size_t i = 0; i < share; ++i) std::free(blocks[i]);
  }
}

/// Rings from each thread to the next: a block is freed by the thread after the
/// one that has allocated it.
class Rings {
 public:
  explicit Rings(unsigned threads) : rings_(threads) {}

  void Run(unsigned thread, size_t bytes, uint64_t blocks) {
    Ring& out = rings_[thread];
    Ring& in = rings_[(thread + 1) % rings_.size()];
    uint64_t sent = 0;
    uint64_t freed = 0;
    while (sent < blocks || freed < blocks) {
      bool moved = false;
      if (sent < blocks && sent - out.taken.load() < kPlaces) {
        out.blocks[sent % kPlaces] = Allocate(bytes);
        out.put.store(++sent);
        moved = true;
      }
      if (freed < in.put.load()) {
        std::free(in.blocks[freed % kPlaces]);
        in.taken.store(++freed);
        moved = true;
      }
      if (!moved) asm volatile("pause");
    }
  }

 private:
  static constexpr size_t kPlaces = 1024;
  struct alignas(64) Ring {
    std::atomic<uint64_t> put{0};
    alignas(64) std::atomic<uint64_t> taken{0};
    void* blocks[kPlaces];
  };
  std::vector<Ring> rings_;
};

struct Pattern {
  const char* name;
  size_t bytes;
  size_t objects;  // of all threads in a round
  uint64_t rounds;
  bool remote = false;
};

// The first two are the OSDI'16 paper's (section 4.1).
constexpr Pattern kPatterns[] = {
    {"threadtest I, 100,000 of 8 bytes", 8, 100'000, 2},
    {"threadtest II, 100 of 8 bytes", 8, 100, 500},
    {"100 of 1,024 bytes", 1'024, 100, 200},
    {"100 of 64 KiB", 65'536, 100, 20},
    {"freed by another, 64 bytes", 64, 50'000, 1, true},
};

void Run(const Pattern& pattern, unsigned threads, uint64_t rounds,
         const RunOnAll& run_on_all) {
  size_t share = pattern.objects / threads;
  StartingLine line(threads);
  Rings rings(threads);
  run_on_all(threads, [&](unsigned thread) {
    line.Wait();
    if (pattern.remote) {
      rings.Run(thread, pattern.bytes, share * rounds);
    } else {
      OwnObjects(share, pattern.bytes, rounds);
    }
  });
}

}  // namespace

void MeasureAll(
    unsigned threads, const RunOnAll& run_on_all,
    const std::function<void(const std::string&, uint64_t)>& report) {
  for (const Pattern& pattern : kPatterns) {
    Run(pattern, threads, 2 * pattern.rounds, run_on_all);  // warms up
    for (uint64_t rounds : {pattern.rounds, 2 * pattern.rounds}) {
      EbbrtBenchBegin();
      Run(pattern, threads, rounds, run_on_all);
      EbbrtBenchEnd();
    }
    report(pattern.name, pattern.objects / threads * threads * pattern.rounds);
  }
}

}  // namespace threadtest
