// The end of a node whose state can't be trusted. Native side.
#pragma once

namespace ebbrt::platform {

/// Prints where and why with a symbolised backtrace and ends the machine with
/// kPanicExitCode (native/power.h). Any context.
[[noreturn]] void Panic(const char* file, int line, const char* condition,
                        const char* message);

}  // namespace ebbrt::platform
