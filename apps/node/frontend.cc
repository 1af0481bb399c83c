// The front-end of programs on V8: node_frontend MEMORY IMAGE WORD... boots
// IMAGE on a machine of MEMORY MiB, which has these words as its arguments,
// this process's directory, standard streams and signals, and ends as it ends. With
// EBBRT_CONSOLE=1 the machine's console is shown, too.
//
// Of the environment the program has what terminals and node's programs use, and what
// EBBRT_PROGRAM_ENVIRONMENT names besides, with commas between.
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/node_allocator.h"
#include "common/runtime.h"
#include "hosted/file_server.h"
#include "hosted/resolver.h"

namespace {

/// What a machine ends with that has reported a fault (native/power.h).
constexpr int kPanic = 70;

constexpr std::string_view kPassedOn[] = {
    "COLORTERM", "DEBUG",      "FORCE_COLOR",
    "HOST",      "LANG",       "NODE_DEBUG",
    "NODE_ENV",  "NODE_DISABLE_COLORS", "NODE_NO_WARNINGS",
    "NO_COLOR",  "PORT",       "TERM",
    "TZ"};

/// Whether `names`, with commas between, has `name`.
bool Lists(std::string_view names, std::string_view name) {
  while (!names.empty()) {
    size_t comma = std::min(names.find(','), names.size());
    if (names.substr(0, comma) == name) return true;
    names.remove_prefix(std::min(comma + 1, names.size()));
  }
  return false;
}

/// What of the environment the program has, as NAME=VALUE.
std::vector<std::string> PassedOn() {
  const char* more = std::getenv("EBBRT_PROGRAM_ENVIRONMENT");
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    std::string_view text = *entry;
    std::string_view name = text.substr(0, text.find('='));
    bool passed = std::ranges::find(kPassedOn, name) != std::end(kPassedOn) ||
                  (more != nullptr && Lists(more, name));
    if (passed && !name.empty()) result.emplace_back(text);
  }
  return result;
}

}  // namespace

void ebbrt::AppMain() {
  std::vector<std::string> words = runtime::Arguments();
  NodeSpec spec;
  if (words.size() >= 2) {
    const std::string& memory = words[0];
    std::from_chars(memory.data(), memory.data() + memory.size(),
                    spec.memory_mib);
    spec.image = words[1];
    spec.arguments = PassedOn();
    spec.arguments.emplace_back("--");
    spec.arguments.insert(spec.arguments.end(), words.begin() + 2, words.end());
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
    code = hosted::ToldExitCode().value_or(code);
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
