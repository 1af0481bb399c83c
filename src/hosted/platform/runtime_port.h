// Platform header "runtime_port", Linux.
#pragma once

namespace ebbrt::platform {

/// Whether a node of this kind may be an application's front-end.
inline constexpr bool kMayBeFrontEnd = true;

/// Ends all event loops and then the process with `code`; the calling event is
/// abandoned. In events.
[[noreturn]] void Exit(int code);

}  // namespace ebbrt::platform
