// Symbolised backtraces, on the console.
#pragma once

#include <cstdint>


namespace ebbrt {

/// Prints the calling function and its callers, innermost first; with `from`,
/// only from the frame that is at this address on. A frame that repeats, as in an
/// endless recursion, is printed once. Any context; it allocates nothing. A fault
/// meanwhile ends the node (fault.cc).
void PrintBacktrace(uint64_t from = 0);

/// Prints `address` with the function it lies in, as one line of a backtrace.
void PrintCodeAddress(unsigned index, uint64_t address);

}  // namespace ebbrt
