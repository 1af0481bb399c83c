#include "common/move_function.h"

#include "platform/panic.h"

namespace ebbrt::detail {

void EmptyFunctionCalled() {
  platform::Panic(__FILE__, __LINE__, "the function has a target",
                  "an empty MoveFunction was called");
}

}  // namespace ebbrt::detail
