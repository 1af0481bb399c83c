// The orderly end of a node. Native side.
#pragma once

namespace ebbrt::platform {

/// Whether a node of this kind may be an application's front-end.
inline constexpr bool kMayBeFrontEnd = false;

/// Ends the machine: code 0 powers it off, another goes through QEMU's
/// isa-debug-exit device if there is one (docs/boot.md, "Exit"). Any context;
/// what other cores were doing is lost.
[[noreturn]] void Exit(int code);

}  // namespace ebbrt::platform
