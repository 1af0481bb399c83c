// Where every exception goes first: the few that are no fault are dealt with,
// the others reported (fault.h).
//
// Compiled without vector registers (CMakeLists.txt): they are the interrupted
// code's until vectors.S has saved them.

#include "native/fault.h"
#include "native/idt.h"
#include "native/paging.h"
#include "native/stack_region.h"
#include "native/stall.h"
#include "native/tlb.h"

namespace ebbrt {
namespace {

/// Below the interrupted stack pointer lies a red zone (System V ABI §3.2.2).
constexpr uint64_t kRedZone = 128;

ExceptionFrame* PlaceOnInterruptedStack(const ExceptionFrame& frame) {
  constexpr uint64_t kStackAlignment = 16;
  return reinterpret_cast<ExceptionFrame*>(
      (frame.rsp - kRedZone - sizeof(frame)) & ~(kStackAlignment - 1));
}

/// Below it there must be room for the handler.
bool HasRoom(const ExceptionFrame* place) {
  constexpr uint64_t kHandlerStack = 8192;
  auto address = reinterpret_cast<uint64_t>(place);
  return !InVirtualRegions(address) && !IsStackGuard(address) &&
         !IsStackGuard(address - kHandlerStack / 2) &&
         !IsStackGuard(address - kHandlerStack);
}

/// An NMI is another core's shoot-down, its question where this one is, or both.
/// Where to put the frame; null if nobody asked for anything.
ExceptionFrame* AnswerNmi(ExceptionFrame* frame) {
  bool flushed = AnswerTlbFlush();
  if (!TakeStallQuestion()) return flushed ? frame : nullptr;
  // Events run on stacks of the region; other code is not asked.
  if (frame->rsp - kStackRegion >= kRegionSize) return frame;
  ExceptionFrame* place = PlaceOnInterruptedStack(*frame);
  return HasRoom(place) ? place : frame;
}

}  // namespace

/// Called by vectors.S on the exception's own stack.
extern "C" ExceptionFrame* EbbrtException(ExceptionFrame* frame) {
  if (frame->vector == kNmi) {
    if (ExceptionFrame* place = AnswerNmi(frame)) return place;
  }
  if (frame->vector == kPageFault && page_fault_resolver != nullptr &&
      InVirtualRegions(frame->fault_address)) {
    ExceptionFrame* place = PlaceOnInterruptedStack(*frame);
    if (HasRoom(place)) return place;
    ReportFault(*frame, ", with too little stack left for its handler");
  }
  ReportFault(*frame);
}

}  // namespace ebbrt
