// errno, keys and the C++ thread library natively: a stack is a thread.

#include "native/context.h"

#include <gtest/gtest.h>

#include <sys/gthread.h>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <new>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include "common/event_manager.h"
#include "common/future.h"
#include "common/run_on.h"
#include "common/timer.h"
#include "native/paging.h"
#include "platform/local_table.h"
#include "platform/stack.h"

namespace ebbrt {
namespace {

using namespace std::chrono_literals;

TEST(Context, ErrnoStaysWithABlockedEvent) {
  errno = EDOM;
  Promise<> other_ran;
  auto future = other_ran.GetFuture();
  event_manager->SpawnLocal([&] {
    errno = ERANGE;
    other_ran.SetValue();
  });
  future.Get();
  EXPECT_EQ(errno, EDOM);
}

TEST(Context, CaughtExceptionsStayWithTheirEvents) {
  Promise<> go;
  auto gone = go.GetFuture();
  auto blocked = [](std::string name, Future<> until) {
    try {
      throw std::runtime_error(name);
    } catch (const std::runtime_error&) {
      until.Get();
      try {
        throw;
      } catch (const std::runtime_error& again) {
        return name == again.what();
      }
    }
    return false;
  };
  bool inner_kept = false;
  Promise<> inner_done;
  auto finished = inner_done.GetFuture();
  event_manager->SpawnLocal([&] {
    inner_kept = blocked("inner", SleepFor(5ms));
    inner_done.SetValue();
  });
  event_manager->SpawnLocal([go = std::move(go)]() mutable { go.SetValue(); });
  EXPECT_TRUE(blocked("outer", std::move(gone)));
  finished.Get();
  EXPECT_TRUE(inner_kept);
}

TEST(Gthread, AContendedMutexLetsTheCoreGoOn) {
  std::mutex mutex;
  std::vector<int> order;
  mutex.lock();
  std::thread waiter([&] {
    std::lock_guard guard(mutex);
    order.push_back(2);
  });
  SleepFor(5ms).Get();  // the waiter blocks; on one core only if this works
  order.push_back(1);
  mutex.unlock();
  waiter.join();
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
}

TEST(Gthread, AMutexHoldsAgainstEveryCore) {
  std::mutex plain;
  std::recursive_mutex recursive;
  // Neither atomic nor volatile: what the mutexes are for.
  int of_plain = 0, of_recursive = 0;
  constexpr int kRounds = 3000;
  RunOnEveryCore([&] {
    for (int i = 0; i < kRounds; ++i) {
      {
        std::lock_guard guard(plain);
        ++of_plain;
      }
      std::lock_guard outer(recursive);
      std::lock_guard inner(recursive);
      int before = of_recursive;
      asm volatile("pause" : : : "memory");
      of_recursive = before + 1;
    }
  }).Get();
  EXPECT_EQ(of_plain, kRounds * static_cast<int>(platform::CoreCount()));
  EXPECT_EQ(of_recursive, kRounds * static_cast<int>(platform::CoreCount()));
}

TEST(Gthread, MutexErrors) {
  ebbrt_gthread_mutex_t mutex = EBBRT_GTHREAD_MUTEX_INIT;
  EXPECT_EQ(ebbrt_gthread_mutex_unlock(&mutex), EPERM);
  EXPECT_EQ(ebbrt_gthread_mutex_lock(&mutex), 0);
  EXPECT_EQ(ebbrt_gthread_mutex_lock(&mutex), EDEADLK);
  EXPECT_EQ(ebbrt_gthread_mutex_trylock(&mutex), EBUSY);
  int from_other = 0;
  std::thread([&] { from_other = ebbrt_gthread_mutex_unlock(&mutex); }).join();
  EXPECT_EQ(from_other, EPERM);
  EXPECT_EQ(ebbrt_gthread_mutex_unlock(&mutex), 0);
}

TEST(Gthread, TimedLockGivesUpAndTheMutexStaysWhole) {
  std::timed_mutex mutex;
  mutex.lock();
  bool got = true;
  std::thread([&] { got = mutex.try_lock_for(10ms); }).join();
  EXPECT_FALSE(got);
  mutex.unlock();
  EXPECT_TRUE(mutex.try_lock());
  mutex.unlock();
}

TEST(Gthread, ConditionTimesOutAndIsWoken) {
  std::mutex mutex;
  std::condition_variable condition;
  std::unique_lock lock(mutex);
  EXPECT_EQ(condition.wait_for(lock, 10ms), std::cv_status::timeout);
  bool ready = false;
  std::thread waker([&] {
    std::lock_guard guard(mutex);
    ready = true;
    condition.notify_one();
  });
  EXPECT_TRUE(condition.wait_for(lock, 10s, [&] { return ready; }));
  lock.unlock();
  waker.join();
}

TEST(Gthread, OnceRunsOnceThoughItBlocksOrThrows) {
  std::once_flag flag;
  int tries = 0, runs = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 5; ++i) {
    threads.emplace_back([&] {
      try {
        std::call_once(flag, [&] {
          bool first = ++tries == 1;
          std::this_thread::sleep_for(2ms);
          if (first) throw std::runtime_error("the first fails");
          ++runs;
        });
      } catch (const std::runtime_error&) {
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(tries, 2);
  EXPECT_EQ(runs, 1);
}

TEST(Gthread, KeysAreDestroyedWithTheirThread) {
  ebbrt_gthread_key_t key;
  static int destroyed;
  destroyed = 0;
  ASSERT_EQ(ebbrt_gthread_key_create(&key, [](void*) { ++destroyed; }), 0);
  int value = 1;
  void* seen = &value;
  std::thread([&] {
    seen = ebbrt_gthread_getspecific(key);
    ebbrt_gthread_setspecific(key, &value);
    std::this_thread::sleep_for(1ms);
    if (ebbrt_gthread_getspecific(key) != &value) destroyed = 100;
  }).join();
  EXPECT_EQ(seen, nullptr);
  EXPECT_EQ(destroyed, 1);
  EXPECT_EQ(ebbrt_gthread_key_delete(key), 0);
}

TEST(Stack, LiesAboveAGuardAndComesFromThePool) {
  platform::Stack stack = platform::AllocateStack();
  EXPECT_EQ(stack.size, StackSize());
  auto lowest = reinterpret_cast<uint64_t>(stack.lowest);
  EXPECT_GE(GuardSize(), kPageSize);
  EXPECT_TRUE(IsStackGuard(lowest - 1));
  EXPECT_TRUE(IsStackGuard(lowest - GuardSize()));
  EXPECT_FALSE(IsStackGuard(lowest - GuardSize() - 1));  // the context
  EXPECT_FALSE(IsStackGuard(lowest));
  platform::FreeStack(stack);
  platform::Stack again = platform::AllocateStack();
  EXPECT_EQ(again.lowest, stack.lowest);
  platform::FreeStack(again);
}

TEST(Paging, FindsWhatDevicesSee) {
  int on_the_stack = 0;
  auto* heap = new int;
  EXPECT_EQ(PhysicalAddress(heap), reinterpret_cast<uint64_t>(heap));
  delete heap;
  // Through its physical address, the same memory.
  on_the_stack = 1234;
  auto* alias = reinterpret_cast<volatile int*>(PhysicalAddress(&on_the_stack));
  EXPECT_NE(static_cast<volatile void*>(alias), &on_the_stack);
  EXPECT_EQ(*alias, 1234);
}

/// All of the heap, and all stacks that nobody uses.
class Hog {
 public:
  Hog() {
    stacks_.reserve(10'000);
    for (size_t size = 256 << 20; size >= 64; size /= 2) {
      while (void* block = std::malloc(size)) {
        *static_cast<void**>(block) = std::exchange(blocks_, block);
      }
    }
    try {
      for (;;) stacks_.push_back(platform::AllocateStack());
    } catch (const std::bad_alloc&) {
    }
  }
  ~Hog() {
    while (blocks_ != nullptr) {
      std::free(std::exchange(blocks_, *static_cast<void**>(blocks_)));
    }
    for (auto stack : stacks_) platform::FreeStack(stack);
  }

 private:
  void* blocks_ = nullptr;
  std::vector<platform::Stack> stacks_;
};

TEST(Context, WithoutMemoryForAStackWaitingThrowsAndLeavesNothingBehind) {
  // The loop keeps a few stacks; blocked events take them. An event that itself
  // goes on after blocking leaves one, so what counts runs in one that has not.
  std::vector<Promise<>> held(16);
  size_t released = 0;
  for (auto& one : held) {
    event_manager->SpawnLocal([&released, f = one.GetFuture()]() mutable {
      f.Get();
      ++released;
    });
  }
  Promise<> promise;
  Promise<bool> threw;
  Timer rescue;  // or the test would never end where it should fail
  rescue.Start(1s, [&] { promise.SetValue(); });
  event_manager->SpawnLocal([&, future = promise.GetFuture()]() mutable {
    bool caught = false;
    {
      Hog hog;
      try {
        future.Get();
      } catch (const std::bad_alloc&) {
        caught = true;
      }
    }
    threw.SetValue(caught);
  });
  EXPECT_TRUE(threw.GetFuture().Get());
  rescue.Stop();
  if (promise.Valid()) promise.SetValue();  // nobody waits any more
  for (auto& one : held) one.SetValue();
  while (released < held.size()) SleepFor(1ms).Get();
}

TEST(LocalTable, ReadsNullEverywhereAndHoldsWhatIsSet) {
  constexpr EbbId kIds[] = {0x00010000, 0x7FFFFFFF, 0xEFFFFFFF};
  for (EbbId id : kIds) {
    EXPECT_EQ(platform::LocalRep(id), nullptr);
    int rep = 0;
    platform::SetLocalRep(id, &rep);
    EXPECT_EQ(platform::LocalRep(id), &rep);
    EXPECT_EQ(platform::LocalRep(id - 1), nullptr);
    platform::SetLocalRep(id, nullptr);
    EXPECT_EQ(platform::LocalRep(id), nullptr);
  }
}

}  // namespace
}  // namespace ebbrt
