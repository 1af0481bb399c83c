// Symbolised backtraces, on the console.
#pragma once

#include <cstdint>


namespace ebbrt {

/// Prints the callers of the calling function, innermost first. Any context; it
/// allocates nothing. A fault meanwhile ends the node (fault.cc).
void PrintBacktrace();

/// Prints `address` with the function it lies in, as one line of a backtrace.
void PrintCodeAddress(unsigned index, uint64_t address);

}  // namespace ebbrt
