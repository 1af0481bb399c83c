#include "common/stall_detector.h"

#include <atomic>
#include <vector>

#include "common/event_manager.h"
#include "platform/core.h"
#include "platform/stall_port.h"

namespace ebbrt {
namespace {

/// What was last seen of a core. Several may look at once: at worst each of
/// them restarts the count.
struct Watched {
  std::atomic<uint32_t> turns{0};
  std::atomic<Clock::time_point> since{};
  std::atomic<bool> reported{false};
};

Clock::duration limit;
std::vector<Watched>* cores;

void Look(CoreId core) {
  Watched& watched = (*cores)[core];
  auto now = Clock::now();
  auto [turns, sleeping] = EventManager::ActivityOf(core);
  if (sleeping || turns != watched.turns.load()) {
    watched.turns.store(turns);
    watched.since.store(now);
    watched.reported.store(false);
    return;
  }
  auto held = now - watched.since.load();
  if (held < limit || watched.reported.exchange(true)) return;
  platform::ReportStall(core, held);
}

}  // namespace

void StartStallDetector(Clock::duration longest) {
  constexpr int kLooks = 4;
  limit = longest;
  cores = new std::vector<Watched>(platform::CoreCount());  // for good
  for (Watched& watched : *cores) watched.since = Clock::now();
  platform::WatchCores(limit / kLooks, &Look);
}

}  // namespace ebbrt
