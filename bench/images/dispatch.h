// The operations that `bench/dispatch` counts, by what they exercise.
#pragma once

#include <span>

#include "bench/images/measure.h"

namespace ebbrt::bench {

std::span<const Operation> CallOperations();
std::span<const Operation> EventOperations();
/// Needs a second core.
std::span<const Operation> RemoteOperations();
std::span<const Operation> FutureOperations();
std::span<const Operation> MemoryOperations();
/// Messages without a wire between.
std::span<const Operation> HomeOperations();
/// Needs a front-end that serves Echo.
std::span<const Operation> MessageOperations();

}  // namespace ebbrt::bench
