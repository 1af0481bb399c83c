// The few ACPI tables that this system reads (ACPI 6.4), without an interpreter.
#pragma once

#include <cstdint>
#include <optional>

namespace ebbrt {

struct PlatformInfo;

/// Physical address of the root pointer in the BIOS areas (§5.2.5.1); 0 if none.
uint64_t FindRsdp();

/// Adds what MADT, SRAT and MCFG tell. platform.rsdp is set.
void ReadAcpi(PlatformInfo& platform);

/// What to write to which port for the S5 state, power-off (§7.4.2).
struct PowerOffCommand {
  uint16_t port;
  uint16_t value;
};
std::optional<PowerOffCommand> FindPowerOff(const PlatformInfo& platform);

}  // namespace ebbrt
