// The image of bench/sage-work, and the program of Linux machines. Its
// argument: the largest tile's rows; or once=ROWS, and it does no more than
// work on that.
#include <cstdlib>
#include <string>
#include <string_view>

#include "bench/images/tiles.h"
#include "common/runtime.h"
#include "platform/log.h"
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace {

void Report(const std::string& name, uint64_t n, uint64_t nanoseconds) {
  ebbrt::platform::WriteConsole("bench: " + name + "\t" + std::to_string(n) +
                                "\ntime: " + name + "\t" +
                                std::to_string(nanoseconds) + "\n");
}

}  // namespace

void ebbrt::AppMain() {
#ifdef __GLIBC__
  // Where glibc begins. Said, it stays there: else large tiles come from the
  // kernel at first and later don't, and a run costs less than the one before.
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
  constexpr std::string_view kOnce = "once=";
  const std::string& argument = runtime::Arguments().at(0);
  if (argument.starts_with(kOnce)) {
    platform::WriteConsole("sum: " +
                           std::to_string(tiles::WorkOnce(
                               std::stoul(argument.substr(kOnce.size())))) +
                           "\n");
  } else {
    tiles::MeasureAll(std::stoul(argument), &Report);
  }
  platform::WriteConsole("bench: done\n");
  runtime::Exit(0);
}
