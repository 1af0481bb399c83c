// The node's console. Native side: the first serial port.
#pragma once

#include <string_view>

namespace ebbrt::platform {

/// Writes `text` as it is; returns when the device has taken it. Texts of
/// several cores don't mix. Any context; never throws, never blocks the event.
void WriteConsole(std::string_view text);

}  // namespace ebbrt::platform
