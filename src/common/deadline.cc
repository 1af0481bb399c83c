#include "common/deadline.h"

#include <chrono>

#include "common/concat.h"

namespace ebbrt {

DeadlineExceeded::DeadlineExceeded(Clock::duration deadline)
    : std::runtime_error(Concat(
          {"no answer within ",
           std::chrono::duration_cast<std::chrono::milliseconds>(deadline)
               .count(),
           " ms"})) {}

}  // namespace ebbrt
