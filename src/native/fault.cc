#include "native/fault.h"

#include <array>

#include "native/backtrace.h"
#include "native/console_line.h"
#include "native/image.h"
#include "native/paging.h"
#include "native/percore.h"
#include "native/power.h"
#include "native/stack_region.h"
#include "native/stall.h"
#include "platform/core.h"
#include "platform/panic.h"
#include "platform/runtime_port.h"

namespace ebbrt {
namespace {

constexpr std::array<const char*, kFirstInterruptVector> kNames = {
    "divide error", "debug", "non-maskable interrupt", "breakpoint", "overflow",
    "bound range", "invalid opcode", "no coprocessor", "double fault",
    "coprocessor overrun", "invalid task state", "segment not present",
    "stack-segment fault", "general protection fault", "page fault", "reserved",
    "x87 error", "alignment check", "machine check", "SIMD error",
    "virtualization exception", "control protection", "reserved", "reserved",
    "reserved", "reserved", "reserved", "reserved", "hypervisor injection",
    "VMM communication", "security exception", "reserved"};

// How deep this core is in reporting: a second trouble meanwhile is told in one
// line, a third not at all.
EBBRT_PERCORE int reports = 0;

void PrintRegisters(const ExceptionFrame& f) {
  auto line = [](const char* a, uint64_t va, const char* b, uint64_t vb,
                 const char* c, uint64_t vc, const char* d, uint64_t vd) {
    ConsoleLine().Text("  ").Text(a).Hex(va, 16).Text(b).Hex(vb, 16)
        .Text(c).Hex(vc, 16).Text(d).Hex(vd, 16);
  };
  line("rip ", f.rip, " rsp ", f.rsp, " flg ", f.rflags, " err ", f.error);
  line("rax ", f.rax, " rbx ", f.rbx, " rcx ", f.rcx, " rdx ", f.rdx);
  line("rsi ", f.rsi, " rdi ", f.rdi, " rbp ", f.rbp, " r8  ", f.r8);
  line("r9  ", f.r9, " r10 ", f.r10, " r11 ", f.r11, " r12 ", f.r12);
  ConsoleLine().Text("  r13 ").Hex(f.r13, 16).Text(" r14 ").Hex(f.r14, 16)
      .Text(" r15 ").Hex(f.r15, 16);
}

uint64_t FixedTablesSize() {
  return static_cast<uint64_t>(fixed_tables_end - fixed_tables_begin);
}

const char* Explain(uint64_t address, uint64_t error) {
  if (address < kPageSize) return ", a null pointer";
  if (IsStackGuard(address) || IsInterruptStackGuard(address)) {
    return ", past the end of a stack";
  }
  if (address < image::Address(rodata_begin) &&
      address >= image::Address(image_begin)) {
    return ", in the image's code";
  }
  if ((error & kPageFaultFetch) != 0) return ", which is not code";
  if (address >= image::Address(rodata_begin) &&
      address < image::Address(data_begin)) {
    return ", in the image's constants";
  }
  if (address - image::Address(fixed_tables_begin) < FixedTablesSize()) {
    return ", in a page table";
  }
  if (address - IdtAddress() < kPageSize) return ", in the interrupt table";
  return "";
}

void PrintFault(const ExceptionFrame& frame, const char* why) {
  ConsoleLine line;
  line.Text("ebbrt: fault: ").Text(kNames[frame.vector]).Text(" on core ")
      .Decimal(platform::CurrentCore());
  if (frame.vector != kPageFault) return;
  uint64_t address = frame.fault_address;
  line.Text((frame.error & kPageFaultFetch) != 0   ? " executing "
            : (frame.error & kPageFaultWrite) != 0 ? " writing "
                                               : " reading ")
      .Hex(address)
      .Text(why != nullptr ? why : Explain(address, frame.error));
}

/// After a jump to what is no code, the frame of the jumper is found where a
/// call has left it.
void LeaveWildJump(ExceptionFrame& frame) {
  if (image::IsText(frame.rip) || IsStackGuard(frame.rsp)) return;
  frame.rip = *reinterpret_cast<uint64_t*>(frame.rsp);
  frame.rsp += sizeof(uint64_t);
}

/// False when this core was reporting already; the caller then just ends.
bool BeginReport() {
  int depth = reports++;
  if (depth == 1) {
    ConsoleLine().Text("ebbrt: (the report ends here: another fault)");
  }
  return depth == 0;
}

}  // namespace

void ReportFault(ExceptionFrame& frame, const char* why) {
  if (BeginReport()) {
    PrintFault(frame, why);
    PrintRegisters(frame);
    LeaveWildJump(frame);
    PrintBacktrace(frame.rip);
  }
  platform::Exit(kPanicExitCode);
}

PageFaultResolver page_fault_resolver = nullptr;

/// Called by vectors.S on the interrupted code's stack, the frame there too.
extern "C" void EbbrtExceptionOnStack(ExceptionFrame* frame) {
  if (frame->vector == kNmi) return PrintStall(*frame);
  const char* why = page_fault_resolver(frame->fault_address, frame->error);
  if (why != nullptr) ReportFault(*frame, why);
}

namespace platform {

void Panic(const char* file, int line, const char* condition,
           const char* message) {
  if (BeginReport()) {
    ConsoleLine().Text("ebbrt: ").Text(file).Text(":").Decimal(line)
        .Text(": ").Text(message).Text(" (").Text(condition).Text(")");
    PrintBacktrace(reinterpret_cast<uint64_t>(__builtin_return_address(0)));
  }
  Exit(kPanicExitCode);
}

}  // namespace platform
}  // namespace ebbrt
