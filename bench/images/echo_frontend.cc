// The front-end of bench/dispatch's and bench/messages' calls: serves Echo to
// whoever proves the secret, until it is ended. It boots nobody: the benchmark
// starts the machines itself, because it counts their instructions.
#include <cstdio>

#include "bench/images/echo.h"
#include "common/global_id_map.h"  // served too
#include "common/node_directory.h"
#include "common/runtime.h"

void ebbrt::AppMain() {
  const auto& arguments = runtime::Arguments();
  auto secret =
      arguments.size() == 1 ? SecretFromHex(arguments[0]) : std::nullopt;
  if (!secret) {
    std::fprintf(stderr, "usage: bench_frontend SECRET   (32 hex digits)\n");
    runtime::Exit(2);
  }
  NodeDirectory::Get();
  std::printf("port %u\n", messenger->Listen(*secret).port);
  std::fflush(stdout);
}
