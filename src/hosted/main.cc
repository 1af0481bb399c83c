// The main function of a front-end whose application is AppMain. Linked from a
// library of its own, so that a program with a main of its own leaves it out.
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "common/runtime.h"
#include "hosted/runtime.h"

namespace {

/// Event-loop threads asked for by EBBRT_CORES; 0 if that makes no sense.
unsigned CoresFromEnvironment() {
  const char* text = std::getenv("EBBRT_CORES");
  if (text == nullptr) return 1;
  unsigned cores = 0;
  auto [end, error] = std::from_chars(text, text + std::strlen(text), cores);
  if (error != std::errc{} || *end != '\0' || cores > 128) return 0;
  return cores;
}

}  // namespace

int main(int argc, char** argv) {
  unsigned cores = CoresFromEnvironment();
  if (cores == 0) {
    std::fprintf(stderr, "%s: EBBRT_CORES: expected a number from 1 to 128\n",
                 argv[0]);
    return 2;
  }
  return ebbrt::hosted::Run(
      {.cores = cores, .arguments = {argv + 1, argv + argc}},
      [] { ebbrt::runtime::Main(); });
}
