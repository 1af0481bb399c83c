// Events: spawned here and on another core, timers, contexts.
#include <chrono>

#include "bench/images/dispatch.h"
#include "common/event_manager.h"
#include "common/timer.h"

namespace ebbrt::bench {
namespace {

using namespace std::chrono_literals;

/// One event at a time: each spawns the next, the last one ends the wait.
struct Chain {
  uint64_t left;
  EventContext done;

  void Wait() { event_manager->SaveContext(done); }
  void End() { EventManager::ActivateContext(done); }
};

void NextLocal(Chain& chain) {
  if (chain.left-- == 0) return chain.End();
  event_manager->SpawnLocal([&chain] { NextLocal(chain); });
}

void SpawnLocals(uint64_t n) {
  Chain chain{n, {}};
  NextLocal(chain);
  chain.Wait();
}

void NextAnywhere(Chain& chain) {
  if (chain.left-- == 0) return chain.End();
  EventManager::Spawn([&chain] { NextAnywhere(chain); });
}

void Spawns(uint64_t n) {
  Chain chain{n, {}};
  NextAnywhere(chain);
  chain.Wait();
}

/// `n` events at once.
void SpawnBurst(uint64_t n) {
  Chain chain{n, {}};
  for (uint64_t i = 0; i < n; ++i) {
    event_manager->SpawnLocal([&chain] {
      if (--chain.left == 0) chain.End();
    });
  }
  chain.Wait();
}

/// Between this core, which counts, and the next one: there and back.
void NextRemote(Chain& chain) {
  if (chain.left-- == 0) return chain.End();
  CoreId other = 1 - platform::CurrentCore();
  EventManager::SpawnRemote([&chain] { NextRemote(chain); }, other);
}

void SpawnRemotes(uint64_t n) {
  Chain chain{n, {}};
  NextRemote(chain);
  chain.Wait();
}

/// All at once to the other core, of which the last answers.
void SpawnRemoteBurst(uint64_t n) {
  Chain chain{n, {}};
  for (uint64_t i = 0; i < n; ++i) {
    EventManager::SpawnRemote(
        [&chain] {
          if (--chain.left == 0) chain.End();
        },
        1);
  }
  chain.Wait();
}

struct TimerChain : Chain {
  Clock::duration delay{};
  Timer timer{};
};

void NextTimer(TimerChain& chain) {
  if (chain.left-- == 0) return chain.End();
  chain.timer.Start(chain.delay, [&chain] { NextTimer(chain); });
}

void RunTimers(uint64_t n, Clock::duration delay) {
  TimerChain chain{{n, {}}, delay};
  NextTimer(chain);
  chain.Wait();
}

void TimersNow(uint64_t n) { RunTimers(n, 0ns); }
void TimersLater(uint64_t n) { RunTimers(n, 1ms); }

void TimersStopped(uint64_t n) {
  Timer timer;
  for (uint64_t i = 0; i < n; ++i) {
    timer.Start(10s, [] {});
    timer.Stop();
  }
}

void SaveAndActivate(uint64_t n) {
  for (uint64_t i = 0; i < n; ++i) {
    EventContext context;
    EventManager::ActivateContext(context);  // in a turn of the loop
    event_manager->SaveContext(context);     // which needs this stack left
  }
}

void EndOfEvents(uint64_t n) {
  Chain chain{n, {}};
  for (uint64_t i = 0; i < n; ++i) {
    event_manager->AtEndOfEvent([&chain] {
      if (--chain.left == 0) chain.End();
    });
  }
  chain.Wait();
}

}  // namespace

// Counts are multiples of the number of events between two polls.
std::span<const Operation> EventOperations() {
  static constexpr Operation kOperations[] = {
      {"SpawnLocal, one after the other", 4'096, &SpawnLocals},
      {"SpawnLocal, many at once", 4'096, &SpawnBurst},
      {"Spawn, one after the other", 4'096, &Spawns},
      {"AtEndOfEvent", 4'096, &EndOfEvents},
      {"save and activate a context", 4'096, &SaveAndActivate},
      {"timer, due at once", 512, &TimersNow},
      {"timer, 1 ms, core sleeps", 128, &TimersLater},
      {"timer, started and stopped", 4'096, &TimersStopped},
  };
  return kOperations;
}

std::span<const Operation> RemoteOperations() {
  static constexpr Operation kOperations[] = {
      {"SpawnRemote to a sleeping core", 1'024, &SpawnRemotes},
      {"SpawnRemote, many at once", 1'024, &SpawnRemoteBurst},
  };
  return kOperations;
}

}  // namespace ebbrt::bench
