// Platform header "log", Linux: the console is standard error.
#pragma once

#include <string_view>

namespace ebbrt::platform {

/// Writes `text` whole. Any context; never throws.
void WriteConsole(std::string_view text);

}  // namespace ebbrt::platform
