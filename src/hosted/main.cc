// The main function of a front-end whose application is AppMain. Linked from a
// library of its own, so that a program with a main of its own leaves it out.
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "common/runtime.h"
#include "hosted/runtime.h"

namespace {

/// The number in environment variable `name`, `absent` if there is none. Ends
/// the process if it is no number from 1 to `most`.
unsigned FromEnvironment(const char* program, const char* name, unsigned most,
                         unsigned absent) {
  const char* text = std::getenv(name);
  if (text == nullptr) return absent;
  unsigned number = 0;
  auto [end, error] = std::from_chars(text, text + std::strlen(text), number);
  if (error == std::errc{} && *end == '\0' && number >= 1 && number <= most) {
    return number;
  }
  std::fprintf(stderr, "%s: %s: expected a number from 1 to %u\n", program,
               name, most);
  std::exit(2);
}

}  // namespace

int main(int argc, char** argv) {
  ebbrt::hosted::Options options{.arguments = {argv + 1, argv + argc}};
  options.cores = FromEnvironment(argv[0], "EBBRT_CORES", 128, 1);
  options.stall_ms = FromEnvironment(argv[0], "EBBRT_STALL_MS", 3'600'000, 0);
  try {
    return ebbrt::hosted::Run(std::move(options),
                              [] { ebbrt::runtime::Main(); });
  } catch (const std::runtime_error& error) {
    std::fprintf(stderr, "%s: %s\n", argv[0], error.what());
    return 2;
  }
}
