// Where a core is that an event holds: asked by another, answered in an NMI.
//
// The question comes as the shoot-down's does (tlb.h). The answer is printed on
// the stack of the interrupted code, whose vector registers are kept
// (vectors.S), and that code goes on.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "native/idt.h"
#include "native/platform_info.h"
#include "platform/core.h"

namespace ebbrt {

/// Which cores are asked. A core clears its own.
extern std::array<std::atomic<bool>, kMaxCores> stall_questions;

/// In an NMI, inline since it must leave the vector registers alone: whether
/// another core has asked where this one is.
inline bool TakeStallQuestion() {
  return stall_questions[platform::CurrentCore()].exchange(false);
}

/// Prints the answer.
void PrintStall(const ExceptionFrame& frame);

}  // namespace ebbrt
