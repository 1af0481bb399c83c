#include "native/acpi.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "native/firmware_memory.h"
#include "native/paging.h"
#include "native/platform_info.h"

namespace ebbrt {
namespace {

struct [[gnu::packed]] RootPointer {  // §5.2.5.3
  static constexpr size_t kVersion1Size = 20;
  char signature[8];
  uint8_t checksum;
  char oem[6];
  uint8_t revision;
  uint32_t rsdt;
  uint32_t length;
  uint64_t xsdt;
  uint8_t extended_checksum;
  uint8_t reserved[3];
};
static_assert(sizeof(RootPointer) == 36);

struct [[gnu::packed]] Header {  // §5.2.6
  char signature[4];
  uint32_t length;
  uint8_t revision;
  uint8_t checksum;
  char names[26];
};
static_assert(sizeof(Header) == 36);

struct [[gnu::packed]] Fadt {  // §5.2.9
  Header header;
  uint32_t facs;
  uint32_t dsdt;
  uint8_t skipped[20];
  uint32_t pm1a_control;  // a port
};
static_assert(offsetof(Fadt, pm1a_control) == 64);

struct [[gnu::packed]] Madt {  // §5.2.12
  Header header;
  uint32_t local_apic;
  uint32_t flags;
};

enum MadtType : uint8_t {
  kLocalApic = 0,
  kIoApic = 1,
  kOverride = 2,
  kLocalX2Apic = 9,
};

struct [[gnu::packed]] MadtEntry {
  uint8_t type;
  uint8_t length;
};
struct [[gnu::packed]] LocalApicEntry {
  static constexpr uint32_t kEnabled = 1 << 0;
  MadtEntry entry;
  uint8_t processor;
  uint8_t apic_id;
  uint32_t flags;
};
struct [[gnu::packed]] LocalX2ApicEntry {
  MadtEntry entry;
  uint16_t reserved;
  uint32_t apic_id;
  uint32_t flags;
  uint32_t processor;
};
struct [[gnu::packed]] IoApicEntry {
  MadtEntry entry;
  uint8_t id;
  uint8_t reserved;
  uint32_t address;
  uint32_t gsi_base;
};
struct [[gnu::packed]] OverrideEntry {
  static constexpr uint16_t kPolarityMask = 3;
  static constexpr uint16_t kActiveLow = 3;
  static constexpr uint16_t kTriggerMask = 3 << 2;
  static constexpr uint16_t kLevel = 3 << 2;
  MadtEntry entry;
  uint8_t bus;
  uint8_t irq;
  uint32_t gsi;
  uint16_t flags;
};

struct [[gnu::packed]] Mcfg {  // PCI Firmware Specification 3.2, §4.1.2
  Header header;
  uint64_t reserved;
  uint64_t base;
  uint16_t segment;
  uint8_t first_bus;
  uint8_t last_bus;
  uint32_t reserved2;
};

/// The whole table at `physical`, or null if it is damaged.
const Header* MapTable(uint64_t physical) {
  auto* header =
      static_cast<const Header*>(MapFirmware(physical, sizeof(Header)));
  uint32_t length = header->length;
  if (length < sizeof(Header)) return nullptr;
  header = static_cast<const Header*>(MapFirmware(physical, length));
  return ChecksumHolds(header, length) ? header : nullptr;
}

template <typename Address>
const Header* FindIn(const Header* root, std::string_view signature) {
  auto* at = reinterpret_cast<const char*>(root + 1);
  auto* end = reinterpret_cast<const char*>(root) + root->length;
  for (; at + sizeof(Address) <= end; at += sizeof(Address)) {
    Address address;
    std::memcpy(&address, at, sizeof(address));
    auto* header =
        static_cast<const Header*>(MapFirmware(address, sizeof(Header)));
    if (std::string_view(header->signature, 4) == signature) {
      return MapTable(address);
    }
  }
  return nullptr;
}

const Header* FindTable(const PlatformInfo& platform,
                        std::string_view signature) {
  auto* pointer = static_cast<const RootPointer*>(
      MapFirmware(platform.rsdp, sizeof(RootPointer)));
  bool extended = pointer->revision >= 2 && pointer->xsdt != 0;
  const Header* root = MapTable(extended ? pointer->xsdt : pointer->rsdt);
  if (root == nullptr) return nullptr;
  return extended ? FindIn<uint64_t>(root, signature)
                  : FindIn<uint32_t>(root, signature);
}

void AddCore(PlatformInfo& platform, uint32_t apic_id, uint32_t flags) {
  if ((flags & LocalApicEntry::kEnabled) == 0) return;
  auto& ids = platform.apic_ids;
  if (std::find(ids.begin(), ids.end(), apic_id) == ids.end()) {
    ids.Add(apic_id);
  }
}

void AddOverride(PlatformInfo& platform, const OverrideEntry& entry) {
  if (entry.irq >= PlatformInfo::kIsaLines) return;
  bool level =
      (entry.flags & OverrideEntry::kTriggerMask) == OverrideEntry::kLevel;
  bool low =
      (entry.flags & OverrideEntry::kPolarityMask) == OverrideEntry::kActiveLow;
  platform.isa_lines[entry.irq] = {
      entry.gsi, level ? Trigger::kLevel : Trigger::kEdge,
      low ? Polarity::kActiveLow : Polarity::kActiveHigh};
}

void ReadMadtEntry(PlatformInfo& platform, const MadtEntry* entry) {
  switch (entry->type) {
    case kLocalApic: {
      auto* core = reinterpret_cast<const LocalApicEntry*>(entry);
      AddCore(platform, core->apic_id, core->flags);
      break;
    }
    case kLocalX2Apic: {
      auto* core = reinterpret_cast<const LocalX2ApicEntry*>(entry);
      AddCore(platform, core->apic_id, core->flags);
      break;
    }
    case kIoApic: {
      auto* io_apic = reinterpret_cast<const IoApicEntry*>(entry);
      platform.io_apics.Add({io_apic->address, io_apic->gsi_base});
      break;
    }
    case kOverride:
      AddOverride(platform, *reinterpret_cast<const OverrideEntry*>(entry));
      break;
    default:
      break;
  }
}

void ReadMadt(PlatformInfo& platform, const Header* madt) {
  auto* at = reinterpret_cast<const char*>(madt) + sizeof(Madt);
  auto* end = reinterpret_cast<const char*>(madt) + madt->length;
  while (at + sizeof(MadtEntry) <= end) {
    auto* entry = reinterpret_cast<const MadtEntry*>(at);
    if (entry->length < sizeof(MadtEntry) || at + entry->length > end) break;
    ReadMadtEntry(platform, entry);
    at += entry->length;
  }
}

/// The sleep type in the package \_S5 of the DSDT (§7.4.2): after the name come
/// the package's op code, its length (one to four bytes), the element count and
/// the first element, a byte constant.
std::optional<uint8_t> FindSleepType(std::string_view code) {
  constexpr uint8_t kPackageOp = 0x12;
  constexpr uint8_t kBytePrefix = 0x0A;
  auto found = code.find("_S5_");
  if (found == std::string_view::npos || found + 10 > code.size()) {
    return std::nullopt;
  }
  auto byte = [&](size_t i) { return static_cast<uint8_t>(code[found + i]); };
  if (byte(4) != kPackageOp) return std::nullopt;
  size_t first = 5 + 1 + (byte(5) >> 6) + 1;
  if (found + first + 1 >= code.size()) return std::nullopt;
  return byte(first) == kBytePrefix ? byte(first + 1) : byte(first);
}

}  // namespace

uint64_t FindRsdp() {
  constexpr uint64_t kStep = 16;
  for (uint64_t at = kBiosBegin; at < kBiosEnd; at += kStep) {
    auto* pointer = reinterpret_cast<const void*>(at);
    if (std::memcmp(pointer, "RSD PTR ", 8) == 0 &&
        ChecksumHolds(pointer, RootPointer::kVersion1Size)) {
      return at;
    }
  }
  return 0;
}

void ReadAcpi(PlatformInfo& platform) {
  if (const Header* madt = FindTable(platform, "APIC")) {
    ReadMadt(platform, madt);
  }
  if (const Header* table = FindTable(platform, "MCFG")) {
    if (table->length < sizeof(Mcfg)) return;
    auto* mcfg = reinterpret_cast<const Mcfg*>(table);
    platform.ecam = PciEcam{mcfg->base, mcfg->first_bus, mcfg->last_bus};
  }
}

std::optional<PowerOffCommand> FindPowerOff(const PlatformInfo& platform) {
  constexpr unsigned kSleepTypeShift = 10;
  constexpr uint16_t kSleepEnable = 1 << 13;
  if (platform.rsdp == 0) return std::nullopt;
  auto* fadt = reinterpret_cast<const Fadt*>(FindTable(platform, "FACP"));
  if (fadt == nullptr || fadt->pm1a_control == 0) return std::nullopt;
  const Header* dsdt = MapTable(fadt->dsdt);
  if (dsdt == nullptr) return std::nullopt;
  auto type = FindSleepType(
      {reinterpret_cast<const char*>(dsdt), dsdt->length});
  if (!type) return std::nullopt;
  return PowerOffCommand{
      static_cast<uint16_t>(fadt->pm1a_control),
      static_cast<uint16_t>(*type << kSleepTypeShift | kSleepEnable)};
}

}  // namespace ebbrt
