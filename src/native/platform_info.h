// What machine this is: filled at boot from the PVH start info, ACPI or the MP
// table, and the command line; constant afterwards.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "native/fixed_list.h"
#include "native/page_allocator.h"
#include "native/pvh.h"

namespace ebbrt {

/// Cores that this system can use; the event manager's limit as well.
inline constexpr size_t kMaxCores = 256;

struct IoApicInfo {
  uint64_t address;   // physical
  uint32_t gsi_base;  // number of its first line among all I/O APICs'
};

enum class Trigger : uint8_t { kEdge, kLevel };
enum class Polarity : uint8_t { kActiveHigh, kActiveLow };

/// A line of an I/O APIC ("global system interrupt") and how it signals.
struct InterruptLine {
  uint32_t gsi;
  Trigger trigger;
  Polarity polarity;
};

/// A device of "virtio_mmio.device=SIZE@ADDRESS:IRQ" on the command line.
struct VirtioMmioDevice {
  uint64_t address;  // physical
  uint64_t size;
  uint32_t irq;  // to be looked up by Platform().LineOf
};

/// PCI configuration space in memory (PCI Firmware Specification, MCFG).
struct PciEcam {
  uint64_t address;  // of bus 0, physical
  uint8_t first_bus;
  uint8_t last_bus;
};

struct PlatformInfo {
  static constexpr size_t kIsaLines = 16;
  static constexpr size_t kMaxCommandLine = 4096;

  /// The whole line as the loader gave it, cut at kMaxCommandLine - 1.
  std::string_view command_line;
  FixedList<MemoryRange, 16> memory;
  /// Local APIC ids of the usable cores by CoreId; core 0 is the one that boots.
  FixedList<uint32_t, kMaxCores> apic_ids;
  /// Their NUMA nodes, numbered from 0 without gaps; all 0 if nothing is known.
  std::array<uint8_t, kMaxCores> core_nodes = {};
  FixedList<NodeMemory, 32> node_memory;
  FixedList<IoApicInfo, 8> io_apics;
  InterruptLine isa_lines[kIsaLines] = {};
  FixedList<VirtioMmioDevice, 32> virtio_mmio;
  std::optional<PciEcam> ecam;
  uint64_t rsdp = 0;  // physical; 0: no ACPI

  /// The line of ISA interrupt `irq`, with the firmware's overrides; numbers
  /// beyond ISA's name the line itself, triggered by level as PCI's are.
  InterruptLine LineOf(uint32_t irq) const;

  /// The value of the word `key=value` among the boot arguments (before the
  /// word "--"), "" for a lone `key`; nothing if it isn't there.
  std::optional<std::string_view> Argument(std::string_view key) const;
};

const PlatformInfo& Platform();

/// Copies what the loader left in memory that is about to be used. Before
/// anything else; needs no memory.
void ReadStartInfo(const PvhStartInfo& info);

/// Finds cores, I/O APICs and buses. After PagingInit, on core 0.
void DiscoverPlatform();

}  // namespace ebbrt
