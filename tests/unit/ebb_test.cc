#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/ebb_allocator.h"
#include "common/event_manager.h"
#include "common/future.h"
#include "common/global_id_map.h"
#include "common/local_id_map.h"
#include "common/per_core_ebb.h"
#include "common/run_on.h"
#include "common/runtime.h"
#include "common/shared_ebb.h"
#include "platform/core.h"
#include "platform/local_table.h"

namespace ebbrt {
namespace {

using namespace std::chrono_literals;

/// Runs `f` on `core` and waits for its result.
template <typename F>
auto On(CoreId core, F f) {
  using R = decltype(f());
  Promise<R> promise;
  auto future = promise.GetFuture();
  EventManager::SpawnRemote(
      [f = std::move(f), promise = std::move(promise)]() mutable {
        try {
          promise.SetValue(f());
        } catch (...) {
          promise.SetException(std::current_exception());
        }
      },
      core);
  return future.Get();
}

struct Counter : SharedEbb<Counter> {
  int Add() { return ++count; }
  std::atomic<int> count{0};
};

TEST(Ebb, SharedHasOneRepresentativeForAllCores) {
  auto counter = Counter::Create();
  Counter* mine = &*counter;
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    EXPECT_EQ(On(core, [=] { return &*counter; }), mine);
    On(core, [=] { return counter->Add(); });
  }
  EXPECT_EQ(counter->count, static_cast<int>(platform::CoreCount()));
}

struct Made {
  std::atomic<int> representatives{0};
};

struct PerCore : PerCoreEbb<PerCore, Made> {
  explicit PerCore(Made& root) : made(root), core(platform::CurrentCore()) {
    ++made.representatives;
  }
  Made& made;
  CoreId core;
};

TEST(Ebb, PerCoreBuildsARepresentativeOnFirstCallOfEachCore) {
  auto ebb = PerCore::Create();
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    EXPECT_EQ(On(core, [=] { return ebb->core; }), core);
    EXPECT_EQ(On(core, [=] { return ebb->core; }), core);
    EXPECT_EQ(On(core, [=] { return ebb->made.representatives.load(); }),
              static_cast<int>(core) + 1)
        << "a core that has not called has none";
  }
}

struct SlowToMake : SharedEbb<SlowToMake> {
  static inline std::atomic<int> made{0};
  SlowToMake() {
    ++made;
    SleepFor(10ms).Get();
  }
  int Answer() { return 42; }
};

TEST(Ebb, ConcurrentFirstCallsMakeOneRepresentative) {
  constexpr EbbRef<SlowToMake> ebb{ApplicationEbbId(100)};
  SlowToMake::made = 0;
  std::vector<Future<int>> answers;
  for (int i = 0; i < 8; ++i) {
    answers.push_back(
        RunOn(i % platform::CoreCount(), [ebb] { return ebb->Answer(); }));
  }
  for (auto& answer : answers) EXPECT_EQ(answer.Get(), 42);
  EXPECT_EQ(SlowToMake::made, 1);
}

struct FailsOnce : SharedEbb<FailsOnce> {
  static inline int attempts = 0;
  FailsOnce() {
    if (++attempts == 1) throw std::runtime_error("not yet");
  }
  int Answer() { return attempts; }
};

TEST(Ebb, AFaultHandlerThatThrowsIsTriedAgain) {
  constexpr EbbRef<FailsOnce> ebb{ApplicationEbbId(101)};
  FailsOnce::attempts = 0;
  EXPECT_THROW(ebb->Answer(), std::runtime_error);
  EXPECT_EQ(ebb->Answer(), 2);
}

// A fault handler that blocks on what the application knows of the id.
struct Configured : SharedEbb<Configured> {
  explicit Configured(EbbId id) : value(global_id_map->Get(id).Get()) {}
  std::string value;
};

TEST(Ebb, AFaultHandlerBlocksOnTheGlobalIdMap) {
  EbbRef<Configured> ebb{ebb_allocator->Allocate()};
  EXPECT_THROW(ebb->value.size(), std::out_of_range);
  global_id_map->Set(ebb.Id(), "told").Get();
  EXPECT_EQ(ebb->value, "told");
  EXPECT_EQ(On(platform::CoreCount() - 1, [=] { return ebb->value; }), "told");
}

TEST(EbbAllocator, IdsAreOfThisNodesRangeAndDiffer) {
  EbbId first = ebb_allocator->Allocate();
  EbbId second = ebb_allocator->Allocate();
  EXPECT_NE(first, second);
  EXPECT_EQ(HomeOf(first), runtime::ThisNode());
  EXPECT_EQ(HomeOf(second), runtime::ThisNode());
  EXPECT_EQ(HomeOf(kGlobalIdMapId), kFrontEndNode);
}

struct Mortal : SharedEbb<Mortal> {
  explicit Mortal(std::shared_ptr<int> token) : token(std::move(token)) {}
  explicit Mortal(EbbId) : token(std::make_shared<int>(0)) {}
  int Use() { return ++*token; }
  int UseSlowly(Future<> until) {
    auto alive = Alive();
    until.Get();
    return ++*token;
  }
  std::shared_ptr<int> token;
};

TEST(EbbEnd, SharedEndsOnEveryCoreAndCallsThatBlockKeepIt) {
  auto token = std::make_shared<int>(0);
  auto ebb = Mortal::Create(token);
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    On(core, [=] { return ebb->Use(); });
  }
  Promise<> until;
  Promise<int> used;
  event_manager->SpawnLocal([&, ebb, blocked = until.GetFuture()]() mutable {
    used.SetValue(ebb->UseSlowly(std::move(blocked)));
  });
  SleepFor(0ms).Get();
  Mortal::Destroy(ebb).Get();
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    EXPECT_EQ(On(core, [=] { return platform::LocalRep(ebb.Id()); }), nullptr);
  }
  EXPECT_EQ(token.use_count(), 2) << "the blocked call still needs it";
  until.SetValue();
  EXPECT_EQ(used.GetFuture().Get(),
            static_cast<int>(platform::CoreCount()) + 1);
  SleepFor(0ms).Get();
  EXPECT_EQ(token.use_count(), 1) << "and was the last to";
}

TEST(EbbEnd, CallsMeanwhileAndASecondEndAreRefused) {
  auto ebb = Mortal::Create(std::make_shared<int>(0));
  auto end = Mortal::Destroy(ebb);
  EXPECT_THROW((void)Mortal::Destroy(ebb), EbbDestroyed);
  // A miss, before any core has heard of it.
  EXPECT_THROW(Mortal::HandleFault(ebb.Id()), EbbDestroyed);
  end.Get();
  Mortal::Destroy(ebb).Get();  // of nothing
}

struct Places {
  std::atomic<int> ended{0};
  std::atomic<int> elsewhere{0};
};

struct Placed : PerCoreEbb<Placed, Places> {
  explicit Placed(Places& root) : places(root), core(platform::CurrentCore()) {}
  ~Placed() {
    ++places.ended;
    if (platform::CurrentCore() != core) ++places.elsewhere;
  }
  Places& Root() { return places; }
  std::shared_ptr<Placed> Keep() { return Alive(); }
  Places& places;
  CoreId core;
};

TEST(EbbEnd, PerCoreRepresentativesEndOnTheirCores) {
  auto ebb = Placed::Create();
  auto cores = static_cast<int>(platform::CoreCount());
  Places* places = nullptr;
  for (CoreId core = 0; core < platform::CoreCount(); ++core) {
    places = On(core, [=] { return &ebb->Root(); });
  }
  auto kept = ebb->Keep();  // keeps the root too
  Placed::Destroy(ebb).Get();
  EXPECT_EQ(places->ended, cores - 1);
  EXPECT_EQ(places->elsewhere, 0);
  EXPECT_EQ(kept->core, platform::CurrentCore());
}

struct SlowPlaced : PerCoreEbb<SlowPlaced, Places> {
  explicit SlowPlaced(Places&) { SleepFor(10ms).Get(); }
  int Use() { return 1; }
};

TEST(EbbEnd, ARepresentativeThatIsMadeMeanwhileIsRefused) {
  auto ebb = SlowPlaced::Create();
  Promise<int> used;
  event_manager->SpawnLocal([&, ebb] {
    try {
      used.SetValue(ebb->Use());
    } catch (...) {
      used.SetException(std::current_exception());
    }
  });
  SleepFor(0ms).Get();  // its constructor blocks now
  SlowPlaced::Destroy(ebb).Get();
  EXPECT_THROW(used.GetFuture().Get(), EbbDestroyed);
  EXPECT_EQ(platform::LocalRep(ebb.Id()), nullptr);
}

TEST(EbbEnd, WhatHasEndedDoesNotComeBack) {
  auto shared = Mortal::Create(std::make_shared<int>(0));
  Mortal::Destroy(shared).Get();
  EXPECT_THROW(shared->Use(), EbbDestroyed);
  EXPECT_TRUE(ebb_allocator->IsFree(shared.Id()));
  auto per_core = Placed::Create();
  Placed::Destroy(per_core).Get();
  EXPECT_THROW(per_core->Root(), EbbDestroyed);
}

TEST(EbbEnd, AnIdOfAnotherTypeIsFoundOut) {
  auto ebb = Mortal::Create(std::make_shared<int>(0));
  EXPECT_THROW(Counter::HandleFault(ebb.Id()), std::logic_error);
  EXPECT_EQ(ebb->Use(), 1);
  Mortal::Destroy(ebb).Get();
}

TEST(EbbEnd, WhatCouldNotBeMadeCostsNoId) {
  struct Fails : SharedEbb<Fails> {
    Fails() { throw std::runtime_error("no"); }
  };
  for (int i = 0; i < 70'000; ++i) {
    EXPECT_THROW(Fails::Create(), std::runtime_error);
  }
}

TEST(EbbEnd, IdsAreUsedAgain) {
  // More than a node's range has.
  for (int i = 0; i < 70'000; ++i) {
    EbbId id = ebb_allocator->Allocate();
    EXPECT_EQ(HomeOf(id), runtime::ThisNode());
    ebb_allocator->Free(id);
  }
  auto ebb = Mortal::Create(std::make_shared<int>(0));
  EXPECT_EQ(ebb->Use(), 1);
  Mortal::Destroy(ebb).Get();
}

TEST(EbbEnd, AnEbbThatIsAtHomeElsewhereIsNotOursToEnd) {
  EXPECT_THROW((void)GlobalIdMap::Destroy(global_id_map), std::logic_error);
}

TEST(LocalIdMap, InsertFindErase) {
  EbbId id = ebb_allocator->Allocate();
  EXPECT_EQ(local_id_map->Find(id), nullptr);
  local_id_map->Insert(id, LocalIdMap::TypeOf<int>(), std::make_shared<int>(1));
  EXPECT_NE(local_id_map->Find(id), nullptr);
  EXPECT_THROW(local_id_map->Insert(id, LocalIdMap::TypeOf<int>(),
                                    std::make_shared<int>(2)),
               std::logic_error);
  EXPECT_TRUE(local_id_map->Erase(id));
  EXPECT_FALSE(local_id_map->Erase(id));
}

TEST(LocalIdMap, WhatIsRetiredIsNotFound) {
  EbbId id = ebb_allocator->Allocate();
  EXPECT_EQ(local_id_map->Retire(id), nullptr);
  local_id_map->Insert(id, LocalIdMap::TypeOf<int>(), std::make_shared<int>(1));
  EXPECT_NE(local_id_map->Retire(id), nullptr);
  EXPECT_EQ(local_id_map->Find(id), nullptr);
  EXPECT_THROW(local_id_map->Retire(id), EbbDestroyed);
  EXPECT_TRUE(local_id_map->Erase(id));
}

}  // namespace
}  // namespace ebbrt
