// Tests of what cores do at the same time: events that do overlap.
#pragma once

#include <atomic>
#include <chrono>

#include "common/future.h"
#include "common/run_on.h"
#include "platform/core.h"

namespace ebbrt {

/// Calls function() in an event on every core, on none before all are there.
template <typename F>
void RunTogether(const F& function) {
  std::atomic<size_t> there{0};
  RunOnEveryCore([&] {
    ++there;
    while (there < platform::CoreCount()) platform::CpuRelax();
    function();
  }).Get();
}

/// Calls change() on core 0, and meanwhile, on each other core, look() in one
/// event again and again, once more when change() is done.
template <typename Change, typename Look>
void LookWhileChanging(Change change, Look look) {
  std::atomic<bool> changed{false};
  RunTogether([&] {
    if (platform::CurrentCore() == 0) {
      change();
      changed = true;
      return;
    }
    for (bool last = false; !last;) {
      last = changed;
      look();
    }
  });
}

/// Keeps another core in one event for as long as this exists.
class BusyCore {
 public:
  explicit BusyCore(CoreId core) {
    event_ = RunOn(core, [this] {
      busy_ = true;
      while (!free_) platform::CpuRelax();
    });
    while (!busy_) SleepFor(std::chrono::milliseconds(1)).Get();
  }
  ~BusyCore() {
    free_ = true;
    event_.Get();
  }
  BusyCore(const BusyCore&) = delete;
  BusyCore& operator=(const BusyCore&) = delete;

 private:
  std::atomic<bool> busy_{false};
  std::atomic<bool> free_{false};
  Future<> event_;
};

}  // namespace ebbrt
