#include "native/platform_info.h"

#include <algorithm>
#include <cstring>

#include "common/check.h"
#include "common/digits.h"
#include "native/acpi.h"
#include "native/cpu.h"
#include "native/mp_table.h"

namespace ebbrt {
namespace {

// Filled before constructors run: none of these may have one.
constinit PlatformInfo machine;
char command_line[PlatformInfo::kMaxCommandLine];

/// Takes the next space-separated word off `line`; empty at the end.
std::string_view NextWord(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
  auto word = line.substr(0, line.find(' '));
  line.remove_prefix(word.size());
  return word;
}

/// A number with 0x, a leading 0 not meaning octal, and K, M or G behind it.
/// Takes it off `text`; nothing if there is none.
std::optional<uint64_t> TakeSize(std::string_view& text) {
  unsigned base = 10;
  if (text.starts_with("0x")) {
    base = 16;
    text.remove_prefix(2);
  }
  auto number = ebbrt::TakeNumber(text, UINT64_MAX, base);
  if (!number || text.empty()) return number;
  auto unit = std::string_view("KMG").find(text[0] & ~0x20);
  if (unit != std::string_view::npos) {
    *number <<= 10 * (unit + 1);
    text.remove_prefix(1);
  }
  return number;
}

bool TakeCharacter(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

/// SIZE@ADDRESS:IRQ[:ID], as Linux documents its parameter.
void AddVirtioMmio(std::string_view value) {
  auto size = TakeSize(value);
  if (!size || !TakeCharacter(value, '@')) return;
  auto address = TakeSize(value);
  if (!address || !TakeCharacter(value, ':')) return;
  auto irq = TakeSize(value);
  if (!irq) return;
  machine.virtio_mmio.Add({*address, *size, static_cast<uint32_t>(*irq)});
}

void ReadMemoryMap(const PvhStartInfo& info) {
  auto* entries = reinterpret_cast<const PvhMemoryMapEntry*>(info.memory_map);
  for (uint32_t i = 0; i < info.memory_map_entries; ++i) {
    if (static_cast<MemoryType>(entries[i].type) != MemoryType::kRam) continue;
    MemoryRange range{entries[i].address, entries[i].address + entries[i].size};
    if (range.begin < range.end) machine.memory.Add(range);
  }
}

void ReadCommandLine(const char* text) {
  size_t size = std::min(std::strlen(text), sizeof(command_line) - 1);
  std::memcpy(command_line, text, size);
  machine.command_line = {command_line, size};
  for (auto rest = machine.command_line; !rest.empty();) {
    constexpr std::string_view kKey = "virtio_mmio.device=";
    auto word = NextWord(rest);
    if (word.starts_with(kKey)) AddVirtioMmio(word.substr(kKey.size()));
  }
}

}  // namespace

const PlatformInfo& Platform() { return machine; }

InterruptLine PlatformInfo::LineOf(uint32_t irq) const {
  if (irq < kIsaLines) return isa_lines[irq];
  return {irq, Trigger::kLevel, Polarity::kActiveHigh};
}

std::optional<std::string_view> PlatformInfo::Argument(
    std::string_view key) const {
  for (auto rest = command_line; !rest.empty();) {
    auto word = NextWord(rest);
    if (word == "--") break;
    if (!word.starts_with(key)) continue;
    if (word.size() == key.size()) return "";
    if (word[key.size()] == '=') return word.substr(key.size() + 1);
  }
  return std::nullopt;
}

void ReadStartInfo(const PvhStartInfo& info) {
  EBBRT_CHECK(info.magic == PvhStartInfo::kMagic && info.version >= 1,
              "the loader's start info is not PVH version 1");
  machine.rsdp = info.rsdp;
  ReadMemoryMap(info);
  if (info.command_line != 0) {
    ReadCommandLine(reinterpret_cast<const char*>(info.command_line));
  }
}

void DiscoverPlatform() {
  for (uint32_t irq = 0; irq < PlatformInfo::kIsaLines; ++irq) {
    machine.isa_lines[irq] = {irq, Trigger::kEdge, Polarity::kActiveHigh};
  }
  constexpr unsigned kInitialApicIdShift = 24;
  machine.apic_ids.Add(cpu::Cpuid(cpu::kLeafFeatures).ebx >>
                        kInitialApicIdShift);
  if (machine.rsdp != 0) {
    ReadAcpi(machine);
  } else if (!ReadMpTable(machine)) {
    // Firmware that does not hand the pointer on may have the tables still.
    machine.rsdp = FindRsdp();
    if (machine.rsdp != 0) ReadAcpi(machine);
  }
}

}  // namespace ebbrt
