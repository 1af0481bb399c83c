// The image of bench/sage-work. Its argument: the largest tile's rows.
#include <string>

#include "bench/images/tiles.h"
#include "common/runtime.h"
#include "platform/log.h"

void ebbrt::AppMain() {
  tiles::MeasureAll(std::stoul(runtime::Arguments().at(0)),
                    [](const std::string& name, uint64_t n, uint64_t) {
                      platform::WriteConsole("bench: " + name + "\t" +
                                             std::to_string(n) + "\n");
                    });
  platform::WriteConsole("bench: done\n");
  runtime::Exit(0);
}
