#include "common/rcu.h"

#include <algorithm>
#include <chrono>
#include <new>
#include <utility>

#include "common/event_manager.h"
#include "platform/clock.h"
#include "platform/core.h"

namespace ebbrt {
namespace {

/// So much waits for a round, or so long: it wakes all cores.
constexpr size_t kMostBytes = 256 << 10;
constexpr std::chrono::milliseconds kLongest{300};
/// When it is seen whether they have passed, which wakes nobody.
constexpr std::chrono::milliseconds kLookAgain{50};
/// What each object counts for at least, so that a round is for some hundreds.
constexpr size_t kLeastBytes = kMostBytes / 256;

}  // namespace

Rcu::Rcu(detail::NothingShared&) {}

void Rcu::Retire(Retired& object, void (*reclaim)(Retired&), size_t bytes) {
  if (platform::CoreCount() == 1) return reclaim(object);
  if (fresh_ == nullptr) due_ = Clock::now() + kLongest;
  object.next = std::exchange(fresh_, &object);
  object.reclaim = reclaim;
  pressure_ += std::max(bytes, kLeastBytes);
  if (pressure_ >= kMostBytes) {
    // As an event of its own, since it calls out.
    pressure_ = 0;
    due_ = {};
    timer_.Start({}, [this] { Step(); });
  } else if (!timer_.Running()) {
    timer_.Start(kLongest, [this] { Step(); });
  }
}

/// Ends the round when all other cores have passed, begins the next.
void Rcu::Step() {
  const size_t others = platform::CoreCount() - 1;
  if (waiting_ != nullptr &&
      passed_.load(std::memory_order_acquire) == others) {
    Retired* object = std::exchange(waiting_, nullptr);
    while (object != nullptr) {
      Retired& reclaimed = *std::exchange(object, object->next);
      reclaimed.reclaim(reclaimed);
    }
  }
  const Clock::time_point now = Clock::now();
  if (waiting_ == nullptr && fresh_ != nullptr && now >= due_) {
    waiting_ = std::exchange(fresh_, nullptr);
    pressure_ = 0;
    asked_ = 0;
    passed_.store(0, std::memory_order_relaxed);
  }
  if (waiting_ != nullptr && asked_ < others) Ask();
  if (timer_.Running() || (waiting_ == nullptr && fresh_ == nullptr)) return;
  timer_.Start(waiting_ != nullptr ? kLookAgain : due_ - now,
               [this] { Step(); });
}

/// Asks the cores that haven't been. An event that runs there now has ended
/// when this one runs.
void Rcu::Ask() {
  const CoreId mine = platform::CurrentCore();
  try {
    while (asked_ < platform::CoreCount() - 1) {
      // The others' numbers, this core's left out.
      const auto core = static_cast<CoreId>(asked_ + (asked_ >= mine ? 1 : 0));
      EventManager::SpawnRemote(
          [this] { passed_.fetch_add(1, std::memory_order_release); }, core);
      ++asked_;
    }
  } catch (const std::bad_alloc&) {
    // The next step goes on from here.
  }
}

}  // namespace ebbrt
