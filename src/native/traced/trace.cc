#include "platform/trace_port.h"

namespace ebbrt::platform::detail {
namespace {

/// 256 KiB a core.
constexpr size_t kSlices = 8192;

}  // namespace

EBBRT_PERCORE_ZEROED EventTrace* own_trace;

EventTrace* MakeTrace() {
  own_trace = new EventTrace(kSlices);  // lives as long as the node
  return own_trace;
}

}  // namespace ebbrt::platform::detail
