#include <execinfo.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "platform/log.h"
#include "platform/panic.h"

namespace ebbrt::platform {

void WriteConsole(std::string_view text) {
  while (!text.empty()) {
    ssize_t written = write(STDERR_FILENO, text.data(), text.size());
    if (written <= 0) return;  // nobody is left to be told
    text.remove_prefix(static_cast<size_t>(written));
  }
}

void Panic(const char* file, int line, const char* condition,
           const char* message) {
  char text[512];
  snprintf(text, sizeof text, "%s:%d: broken invariant: %s [%s]\n", file, line,
           message, condition);
  WriteConsole(text);
  void* frames[64];
  int count = backtrace(frames, 64);
  backtrace_symbols_fd(frames, count, STDERR_FILENO);
  abort();
}

}  // namespace ebbrt::platform
