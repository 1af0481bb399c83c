// The C library's streams are locked: newlib's locks are ours.

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "common/event_manager.h"
#include "common/future.h"
#include "common/run_on.h"
#include "common/spin_lock.h"
#include "common/timer.h"

namespace ebbrt {
namespace {

using namespace std::chrono_literals;

/// A stream whose bytes `write(cookie, ...)` takes.
FILE* Open(void* cookie, int (*write)(void*, const char*, size_t)) {
  return funopen(cookie, nullptr, write, nullptr, nullptr);
}

TEST(Stdio, WhoWritesToAStreamThatIsBeingWrittenWaits) {
  struct Writers {
    int now = 0;
    int most = 0;
  } writers;
  FILE* file = Open(&writers, [](void* cookie, const char*, size_t size) {
    auto& writers = *static_cast<Writers*>(cookie);
    writers.most = std::max(writers.most, ++writers.now);
    SleepFor(1ms).Get();
    --writers.now;
    return static_cast<int>(size);
  });
  ASSERT_NE(file, nullptr);
  std::vector<Future<>> done;
  for (int i = 0; i < 3; ++i) {
    Promise<> promise;
    done.push_back(promise.GetFuture());
    EventManager::Spawn([file, promise = std::move(promise)]() mutable {
      std::fputc('x', file);
      std::fflush(file);
      promise.SetValue();
    });
  }
  for (auto& future : done) future.Get();
  EXPECT_EQ(writers.most, 1);
  EXPECT_EQ(std::fclose(file), 0);
}

TEST(Stdio, CoresOpenStreamsTogetherAndGetDifferentOnes) {
  constexpr int kRounds = 200;
  SpinLock lock;
  std::set<FILE*> open;
  bool shared = false;
  RunOnEveryCore([&] {
    for (int round = 0; round < kRounds; ++round) {
      FILE* file = Open(nullptr, [](void*, const char*, size_t size) {
        return static_cast<int>(size);
      });
      {
        std::lock_guard guard(lock);
        shared |= file == nullptr || !open.insert(file).second;
      }
      SleepFor(0ms).Get();
      {
        std::lock_guard guard(lock);
        open.erase(file);
      }
      std::fclose(file);
    }
  }).Get();
  EXPECT_FALSE(shared);
}

}  // namespace
}  // namespace ebbrt
