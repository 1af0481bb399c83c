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
/// What holds more than this is reclaimed as soon as its round is over.
constexpr size_t kMostOver = 2 * kMostBytes;

}  // namespace

Rcu::Rcu(detail::NothingShared&) {}

void Rcu::Retire(Retired& object, void (*reclaim)(Retired&), size_t bytes) {
  if (platform::CoreCount() == 1) return reclaim(object);
  RetireForAll(object, reclaim, bytes);
}

/// Apart, so that with one core no registers are saved for it.
[[gnu::noinline]] void Rcu::RetireForAll(Retired& object,
                                         void (*reclaim)(Retired&),
                                         size_t bytes) {
  if (over_ != nullptr) ReclaimOne();
  if (fresh_ == nullptr) due_ = Clock::now() + kLongest;
  object.next = std::exchange(fresh_, &object);
  object.reclaim = reclaim;
  bytes = std::max(bytes, kLeastBytes);
  fresh_bytes_ += bytes;
  pressure_ += bytes;
  if (pressure_ >= kMostBytes) {
    // As an event of its own, since it calls out for many.
    pressure_ = 0;
    due_ = {};
    timer_.Start({}, [this] { Step(); });
  } else if (!timer_.Running()) {
    timer_.Start(kLongest, [this] { Step(); });
  }
}

void Rcu::ReclaimOne() {
  // Taken away meanwhile, so that it may retire something itself.
  Retired* rest = std::exchange(over_, nullptr);
  Retired& object = *std::exchange(rest, rest->next);
  object.reclaim(object);
  over_ = rest;
}

void Rcu::ReclaimAll() {
  while (over_ != nullptr) ReclaimOne();
}

/// Ends the round when all other cores have passed, begins the next.
void Rcu::Step() {
  const size_t others = platform::CoreCount() - 1;
  if (waiting_ == nullptr) {
    // Nothing has been retired for a while that it could go with.
    if (fresh_ == nullptr) ReclaimAll();
  } else if (passed_.load(std::memory_order_acquire) == others) {
    ReclaimAll();
    over_ = std::exchange(waiting_, nullptr);
    if (waiting_bytes_ > kMostOver) ReclaimAll();
  }
  const Clock::time_point now = Clock::now();
  if (waiting_ == nullptr && fresh_ != nullptr && now >= due_) {
    waiting_ = std::exchange(fresh_, nullptr);
    waiting_bytes_ = std::exchange(fresh_bytes_, 0);
    pressure_ = 0;
    asked_ = 0;
    passed_.store(0, std::memory_order_relaxed);
  }
  if (waiting_ != nullptr && asked_ < others) Ask();
  if (timer_.Running()) return;
  if (waiting_ == nullptr && fresh_ != nullptr) {
    timer_.Start(due_ - now, [this] { Step(); });
  } else if (waiting_ != nullptr || over_ != nullptr) {
    timer_.Start(kLookAgain, [this] { Step(); });
  }
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
