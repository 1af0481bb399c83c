// Processor exceptions that end the node, and the page faults that don't.
#pragma once

#include <cstdint>

#include "native/idt.h"

namespace ebbrt {

/// Bits of the page fault error code (SDM §4.7).
inline constexpr uint64_t kPageFaultWrite = 1 << 1;
inline constexpr uint64_t kPageFaultFetch = 1 << 4;

/// Reports the exception with registers and backtrace and ends the node. `why`
/// explains a page fault's address; null: by what is known of the address
/// space.
[[noreturn]] void ReportFault(ExceptionFrame& frame, const char* why = nullptr);

/// Resolves a page fault in the virtual regions, or gives the reason why it
/// can't be, as ReportFault wants it. Called on the faulting code's stack like
/// a function that it calls there: may fault itself and may block if that code
/// may.
using PageFaultResolver = const char* (*)(uint64_t address, uint64_t error);

/// Null until there is a virtual region (virtual_memory.cc sets it).
extern PageFaultResolver page_fault_resolver;

}  // namespace ebbrt
