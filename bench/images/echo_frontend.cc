// The front-end of bench/dispatch's messages: serves Echo to whoever proves the
// secret, until it is ended. It boots nobody: bench/dispatch starts the machine
// itself, because it counts the machine's instructions.
#include <cstdio>

#include "bench/images/echo.h"
#include "common/runtime.h"

void ebbrt::AppMain() {
  const auto& arguments = runtime::Arguments();
  auto secret =
      arguments.size() == 1 ? SecretFromHex(arguments[0]) : std::nullopt;
  if (!secret) {
    std::fprintf(stderr, "usage: bench_frontend SECRET   (32 hex digits)\n");
    runtime::Exit(2);
  }
  std::printf("port %u\n", messenger->Listen(*secret).port);
  std::fflush(stdout);
}
