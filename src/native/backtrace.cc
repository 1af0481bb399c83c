#include "native/backtrace.h"

#include <unwind.h>

#include "native/console_line.h"
#include "native/image.h"
#include "native/symbols.h"

namespace ebbrt {
namespace {

constexpr unsigned kMaxLines = 40;
constexpr unsigned kMaxFrames = 10'000;

struct Progress {
  uint64_t from;  // nothing is printed until this frame; 0: not waiting
  unsigned lines = 0;
  unsigned frames = 0;
  uint64_t last = 0;
  unsigned repeated = 0;

  void EndRepetition() {
    if (repeated == 0) return;
    ConsoleLine().Text("  ... ").Decimal(repeated).Text(" more of the same");
    repeated = 0;
  }
};

_Unwind_Reason_Code PrintFrame(_Unwind_Context* context, void* argument) {
  auto& progress = *static_cast<Progress*>(argument);
  int interrupted = 0;
  uint64_t address = _Unwind_GetIPInfo(context, &interrupted);
  if (progress.from != 0 && address != progress.from) return _URC_NO_REASON;
  progress.from = 0;
  if (!image::IsText(address) || progress.lines == kMaxLines ||
      progress.frames++ == kMaxFrames) {
    return _URC_END_OF_STACK;
  }
  if (address == progress.last) {
    ++progress.repeated;
    return _URC_NO_REASON;
  }
  progress.EndRepetition();
  progress.last = address;
  // A return address is the instruction after the call, maybe of the function
  // after; an interrupted address is exact.
  PrintCodeAddress(progress.lines++, interrupted != 0 ? address : address - 1);
  return _URC_NO_REASON;
}

}  // namespace

void PrintCodeAddress(unsigned index, uint64_t address) {
  ConsoleLine line;
  line.Text("  #").Decimal(index).Text(" ").Hex(address, 8);
  FunctionName function = FunctionName::Of(address);
  if (!function.Name().empty()) {
    line.Text(" ").Text(function.Name()).Text("+").Hex(function.Offset());
  }
}

void PrintBacktrace(uint64_t from) {
  Progress progress{from};
  _Unwind_Backtrace(&PrintFrame, &progress);
  progress.EndRepetition();
}

}  // namespace ebbrt
