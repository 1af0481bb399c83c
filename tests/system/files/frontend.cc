// files_frontend IMAGE DIRECTORY CORES PART...: grants the directory (none if
// it is
// "-"), boots a back-end for each PART, one after the other, and says how many
// files they have left open. Ends with the first exit code that isn't 0.
#include <cstdio>
#include <string>
#include <system_error>

#include "common/node_allocator.h"
#include "common/runtime.h"
#include "hosted/file_server.h"

void ebbrt::AppMain() {
  const auto& arguments = runtime::Arguments();
  if (arguments.size() < 4) {
    std::fprintf(stderr,
                 "usage: files_frontend IMAGE DIRECTORY CORES PART...\n");
    runtime::Exit(2);
  }
  try {
    if (arguments[1] != "-") hosted::GrantFiles(arguments[1]);
  } catch (const std::system_error& error) {
    std::fprintf(stderr, "files_frontend: %s\n", error.what());
    runtime::Exit(2);
  }
  int code = 0;
  for (size_t i = 3; i < arguments.size() && code == 0; ++i) {
    NodeSpec spec{.image = arguments[0], .arguments = {arguments[i]}};
    spec.cores = std::stoul(arguments[2]);
    auto node = node_allocator->Allocate(std::move(spec)).Get();
    code = node->Ended().Get();
  }
  std::fprintf(stderr, "open files: %zu\n", hosted::OpenFiles());
  runtime::Exit(code);
}
