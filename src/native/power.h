// How a virtual machine ends (docs/boot.md, "Exit").
#pragma once

namespace ebbrt {

/// What a panic or a fault ends the node with; QEMU's status is then 141.
inline constexpr int kPanicExitCode = 70;

/// Turns the machine off by the first way that works: ACPI's S5 state, a reset
/// by the keyboard controller, a triple fault. Any context.
[[noreturn]] void PowerOff();

}  // namespace ebbrt
