// The interrupt descriptor table, one for all cores.
#pragma once

#include <cstdint>

namespace ebbrt {

/// Vectors below this are the processor's exceptions (SDM §6.3.1).
inline constexpr unsigned kFirstInterruptVector = 32;

/// Those that may be more than the end of the node.
inline constexpr unsigned kNmi = 2;
inline constexpr unsigned kPageFault = 14;

/// What the exception stubs leave on the stack (vectors.S).
struct ExceptionFrame {
  uint64_t fault_address;  // of a page fault
  uint64_t padding;
  uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
  uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
  uint64_t vector, error;
  uint64_t rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(ExceptionFrame) == 192);

/// Fills the table. Once, on core 0.
void IdtInit();

/// Where the table is, a page of its own; it is read-only from PagingInit on.
uint64_t IdtAddress();

/// Makes the calling core use it. After LoadSegments.
void LoadIdt();

}  // namespace ebbrt
