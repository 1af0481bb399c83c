// OnCore: what needs a core, of which a fuzzer's thread is none.
#pragma once

#include "common/event_manager.h"
#include "hosted/core.h"

namespace ebbrt::fuzz {

/// Runs `f` to its end as an event on this process's only core.
template <typename F>
void OnCore(F f) {
  [[maybe_unused]] static const bool made = (hosted::MakeCores(1), true);
  EventManager::SpawnRemote(
      [&f] {
        f();
        event_manager->Stop();
      },
      0);
  hosted::RunCore(0);
}

}  // namespace ebbrt::fuzz
