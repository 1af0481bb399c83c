#include "native/backtrace.h"

#include <unwind.h>

#include "native/console_line.h"
#include "native/image.h"
#include "native/symbols.h"

namespace ebbrt {
namespace {

constexpr unsigned kMaxFrames = 40;

_Unwind_Reason_Code PrintFrame(_Unwind_Context* context, void* argument) {
  auto& index = *static_cast<unsigned*>(argument);
  int interrupted = 0;
  uint64_t address = _Unwind_GetIPInfo(context, &interrupted);
  if (!image::IsText(address) || index == kMaxFrames) {
    return _URC_END_OF_STACK;
  }
  // A return address is the instruction after the call, maybe of the function
  // after; an interrupted address is exact.
  PrintCodeAddress(index++, interrupted != 0 ? address : address - 1);
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

void PrintBacktrace() {
  unsigned index = 0;
  _Unwind_Backtrace(&PrintFrame, &index);
}

}  // namespace ebbrt
