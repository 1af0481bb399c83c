// The front-end of programs on V8: node_frontend MEMORY IMAGE WORD... boots
// IMAGE on a machine of MEMORY MiB, which has these words as its arguments,
// this process's directory and standard streams, and ends as it ends. With
// EBBRT_CONSOLE=1 the machine's console is shown, too.
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <utility>
#include <vector>

#include "common/node_allocator.h"
#include "common/runtime.h"
#include "hosted/file_server.h"
#include "hosted/resolver.h"

namespace {

/// What a machine ends with that has reported a fault (native/power.h).
constexpr int kPanic = 70;

}  // namespace

void ebbrt::AppMain() {
  std::vector<std::string> words = runtime::Arguments();
  NodeSpec spec;
  if (words.size() >= 2) {
    const std::string& memory = words[0];
    std::from_chars(memory.data(), memory.data() + memory.size(),
                    spec.memory_mib);
    spec.image = words[1];
    spec.arguments = {words.begin() + 2, words.end()};
  }
  if (spec.image.empty() || spec.memory_mib == 0) {
    std::fprintf(stderr, "usage: node_frontend MEBIBYTES IMAGE WORD...\n");
    runtime::Exit(2);
  }
  // What the program says goes to the streams.
  const char* console = std::getenv("EBBRT_CONSOLE");
  spec.console = console != nullptr && *console == '1';
  hosted::GrantFiles(".");
  hosted::GrantNames();
  int code = 1;
  try {
    auto node = node_allocator->Allocate(std::move(spec)).Get();
    code = node->Ended().Get();
    if (code < 0 || code == kPanic) {
      std::fprintf(
          stderr,
          "node: the machine has failed; EBBRT_CONSOLE=1 shows what it "
          "says of it\n");
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "node: %s\n", error.what());
  }
  runtime::Exit(code < 0 ? 1 : code);
}
