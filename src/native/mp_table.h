// The Intel MultiProcessor Specification's table (version 1.4), which machines
// without ACPI have: QEMU's microvm with acpi=off, Firecracker.
#pragma once

namespace ebbrt {

struct PlatformInfo;

/// Adds the cores, I/O APICs and ISA interrupt lines of the table; false, and
/// nothing added, if there is none.
bool ReadMpTable(PlatformInfo& platform);

}  // namespace ebbrt
