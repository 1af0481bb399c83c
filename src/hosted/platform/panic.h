// Platform header "panic", Linux.
#pragma once

namespace ebbrt::platform {

/// Reports a broken invariant with a backtrace and ends the process with
/// SIGABRT. The arguments are literals. Any context.
[[noreturn, gnu::cold]] void Panic(const char* file, int line,
                                   const char* condition, const char* message);

}  // namespace ebbrt::platform
