// What lwIP asks of its surroundings: time, chance, and a way to give up.
#include <chrono>
#include <random>

#include "lwip/sys.h"
#include "lwip_hooks.h"
#include "native/percore.h"
#include "platform/clock.h"
#include "platform/panic.h"

namespace {

/// A generator that nobody outside can predict from what it has shown, which is
/// all that sequence numbers and ports need; see docs/network.md for its
/// limits.
uint64_t NextRandom() {
  EBBRT_PERCORE_ZEROED static uint64_t state;
  if (state == 0) {
    state =
        static_cast<uint64_t>(ebbrt::Clock::now().time_since_epoch().count());
  }
  uint64_t ticks = __builtin_ia32_rdtsc();
  state = (state + ticks) * 0x9E3779B97F4A7C15u;
  uint64_t mixed = state ^ (state >> 29);
  mixed *= 0xBF58476D1CE4E5B9u;
  return mixed ^ (mixed >> 32);
}

}  // namespace

extern "C" u32_t sys_now() {
  using std::chrono::milliseconds;
  return static_cast<u32_t>(std::chrono::duration_cast<milliseconds>(
                                ebbrt::Clock::now().time_since_epoch())
                                .count());
}

extern "C" uint32_t ebbrt_lwip_random() {
  return static_cast<uint32_t>(NextRandom());
}

extern "C" u32_t ebbrt_tcp_initial_sequence(const ip_addr_t*, u16_t,
                                            const ip_addr_t*, u16_t) {
  return static_cast<u32_t>(NextRandom());
}

extern "C" void ebbrt_lwip_assertion(const char* file, int line) {
  ebbrt::platform::Panic(file, line, "see that line",
                         "an assertion of lwIP failed");
}
