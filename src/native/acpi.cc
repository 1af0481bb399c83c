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

/// What the tables of entries have at each one's beginning.
struct [[gnu::packed]] TableEntry {
  uint8_t type;
  uint8_t length;
};
struct [[gnu::packed]] LocalApicEntry {
  static constexpr uint32_t kEnabled = 1 << 0;
  TableEntry entry;
  uint8_t processor;
  uint8_t apic_id;
  uint32_t flags;
};
struct [[gnu::packed]] LocalX2ApicEntry {
  TableEntry entry;
  uint16_t reserved;
  uint32_t apic_id;
  uint32_t flags;
  uint32_t processor;
};
struct [[gnu::packed]] IoApicEntry {
  TableEntry entry;
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
  TableEntry entry;
  uint8_t bus;
  uint8_t irq;
  uint32_t gsi;
  uint16_t flags;
};

struct [[gnu::packed]] Srat {  // §5.2.16
  Header header;
  uint32_t reserved0;
  uint64_t reserved1;
};
static_assert(sizeof(Srat) == 48);

enum SratType : uint8_t {
  kLocalApicAffinity = 0,
  kMemoryAffinity = 1,
  kLocalX2ApicAffinity = 2,
};
constexpr uint32_t kAffinityEnabled = 1 << 0;

struct [[gnu::packed]] LocalApicAffinity {
  TableEntry entry;
  uint8_t domain_low;
  uint8_t apic_id;
  uint32_t flags;
  uint8_t sapic_id;
  uint8_t domain_high[3];
  uint32_t clock_domain;
};
static_assert(sizeof(LocalApicAffinity) == 16);
struct [[gnu::packed]] MemoryAffinity {
  TableEntry entry;
  uint32_t domain;
  uint16_t reserved0;
  uint64_t base;
  uint64_t length;
  uint32_t reserved1;
  uint32_t flags;
  uint64_t reserved2;
};
static_assert(sizeof(MemoryAffinity) == 40);
struct [[gnu::packed]] LocalX2ApicAffinity {
  TableEntry entry;
  uint16_t reserved0;
  uint32_t domain;
  uint32_t apic_id;
  uint32_t flags;
  uint32_t clock_domain;
  uint32_t reserved1;
};
static_assert(sizeof(LocalX2ApicAffinity) == 24);

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

/// `entry` as what it must then be; null if it is of another type or too short.
template <typename T>
const T* As(const TableEntry* entry, uint8_t type) {
  bool is = entry->type == type && entry->length >= sizeof(T);
  return is ? reinterpret_cast<const T*>(entry) : nullptr;
}

void ReadMadtEntry(PlatformInfo& platform, const TableEntry* entry) {
  if (auto* core = As<LocalApicEntry>(entry, kLocalApic)) {
    AddCore(platform, core->apic_id, core->flags);
  } else if (auto* core = As<LocalX2ApicEntry>(entry, kLocalX2Apic)) {
    AddCore(platform, core->apic_id, core->flags);
  } else if (auto* io_apic = As<IoApicEntry>(entry, kIoApic)) {
    platform.io_apics.Add({io_apic->address, io_apic->gsi_base});
  } else if (auto* line = As<OverrideEntry>(entry, kOverride)) {
    AddOverride(platform, *line);
  }
}

/// NUMA nodes are numbered as their proximity domains come up. Those beyond the
/// last number count as node 0.
class NodeNumbers {
 public:
  unsigned Of(uint32_t domain) {
    auto found = std::find(domains_.begin(), domains_.end(), domain);
    if (found == domains_.end() && !domains_.Add(domain)) return 0;
    return found - domains_.begin();
  }

 private:
  FixedList<uint32_t, PageTag::kMaxNodes> domains_;
};

void SetCoreNode(PlatformInfo& platform, uint32_t apic_id, unsigned node) {
  auto& ids = platform.apic_ids;
  auto found = std::find(ids.begin(), ids.end(), apic_id);
  if (found == ids.end()) return;
  platform.core_nodes[found - ids.begin()] = static_cast<uint8_t>(node);
}

void ReadSratEntry(PlatformInfo& platform, NodeNumbers& numbers,
                   const TableEntry* entry) {
  if (auto* core = As<LocalApicAffinity>(entry, kLocalApicAffinity)) {
    uint32_t domain = core->domain_low | core->domain_high[0] << 8 |
                      core->domain_high[1] << 16 | core->domain_high[2] << 24;
    if ((core->flags & kAffinityEnabled) == 0) return;
    SetCoreNode(platform, core->apic_id, numbers.Of(domain));
  } else if (auto* core =
                 As<LocalX2ApicAffinity>(entry, kLocalX2ApicAffinity)) {
    if ((core->flags & kAffinityEnabled) == 0) return;
    SetCoreNode(platform, core->apic_id, numbers.Of(core->domain));
  } else if (auto* memory = As<MemoryAffinity>(entry, kMemoryAffinity)) {
    if ((memory->flags & kAffinityEnabled) == 0) return;
    platform.node_memory.Add({memory->base, memory->base + memory->length,
                              numbers.Of(memory->domain)});
  }
}

/// Calls visit(entry) for each whole entry behind a table's first `begin`
/// bytes.
template <typename Visit>
void ForEachEntry(const Header* table, size_t begin, Visit visit) {
  auto* at = reinterpret_cast<const char*>(table) + begin;
  auto* end = reinterpret_cast<const char*>(table) + table->length;
  while (at + sizeof(TableEntry) <= end) {
    auto* entry = reinterpret_cast<const TableEntry*>(at);
    if (entry->length < sizeof(TableEntry) || at + entry->length > end) break;
    visit(entry);
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
    ForEachEntry(madt, sizeof(Madt), [&](const TableEntry* entry) {
      ReadMadtEntry(platform, entry);
    });
  }
  if (const Header* srat = FindTable(platform, "SRAT")) {
    NodeNumbers numbers;
    ForEachEntry(srat, sizeof(Srat), [&](const TableEntry* entry) {
      ReadSratEntry(platform, numbers, entry);
    });
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
  if (fadt == nullptr || fadt->header.length < sizeof(Fadt) ||
      fadt->pm1a_control == 0) {
    return std::nullopt;
  }
  const Header* dsdt = MapTable(fadt->dsdt);
  if (dsdt == nullptr) return std::nullopt;
  auto type =
      FindSleepType({reinterpret_cast<const char*>(dsdt), dsdt->length});
  if (!type) return std::nullopt;
  return PowerOffCommand{
      static_cast<uint16_t>(fadt->pm1a_control),
      static_cast<uint16_t>(*type << kSleepTypeShift | kSleepEnable)};
}

}  // namespace ebbrt
