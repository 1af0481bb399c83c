// V8's platform layer (src/base/platform/platform.h) on EbbRT: what
// platform-posix.cc leaves to each system. Memory is mmap's, which lies on the
// runtime's virtual regions; mutexes and semaphores block the context.
#include "native/stack_region.h"
#include "src/base/debug/stack_trace.h"
#include "src/base/platform/platform-posix.h"
#include "src/base/platform/platform.h"

namespace v8::base {

namespace {

/// The machine's clock is UTC, and there is no zone but that.
class UtcTimezone : public PosixTimezoneCache {
 public:
  const char* LocalTimezone(double) override { return "UTC"; }
  double LocalTimeOffset(double, bool) override { return 0; }
};

}  // namespace

TimezoneCache* OS::CreateTimezoneCache() { return new UtcTimezone(); }

/// The image is all there is.
std::vector<OS::SharedLibraryAddress> OS::GetSharedLibraryAddresses() {
  return {};
}

void OS::SignalCodeMovingGC() {}

void OS::AdjustSchedulingParams() {}

/// Nothing is known of regions that others have: V8 takes what mmap gives it.
std::vector<OS::MemoryRange> OS::GetFreeMemoryRangesWithin(OS::Address,
                                                           OS::Address, size_t,
                                                           size_t) {
  return {};
}

/// The upper end of the event's stack.
Stack::StackSlot Stack::GetStackStart() {
  return static_cast<std::byte*>(ebbrt::ContextPage()) + ebbrt::StackSlot();
}

namespace debug {

// The runtime reports faults itself, with a backtrace (docs/debugging.md).
bool EnableInProcessStackDumping() { return true; }
void DisableSignalStackDump() {}
StackTrace::StackTrace() : count_(0) {}
void StackTrace::Print() const {}
void StackTrace::OutputToStream(std::ostream*) const {}

}  // namespace debug
}  // namespace v8::base
