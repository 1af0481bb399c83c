#include "common/signal_number.h"

#include <array>
#include <csignal>

namespace ebbrt {
namespace {

struct Pair {
  uint8_t linux_number;
  int here;
};

// Numbers of Linux's ABI for x86-64.
constexpr std::array kPairs = {
    Pair{1, SIGHUP},   Pair{2, SIGINT},   Pair{3, SIGQUIT},
    Pair{10, SIGUSR1}, Pair{12, SIGUSR2}, Pair{13, SIGPIPE},
    Pair{15, SIGTERM}, Pair{18, SIGCONT}, Pair{28, SIGWINCH}};

}  // namespace

uint32_t SignalToLinux(int signal) {
  for (const Pair& pair : kPairs) {
    if (pair.here == signal) return pair.linux_number;
  }
  return 0;
}

int SignalFromLinux(uint32_t linux_number) {
  for (const Pair& pair : kPairs) {
    if (pair.linux_number == linux_number) return pair.here;
  }
  return 0;
}

}  // namespace ebbrt
