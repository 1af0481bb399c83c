#include "native/mp_table.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "native/firmware_memory.h"
#include "native/paging.h"
#include "native/platform_info.h"

namespace ebbrt {
namespace {

// MultiProcessor Specification 1.4, §4.1.
struct [[gnu::packed]] FloatingPointer {
  char signature[4];
  uint32_t table;
  uint8_t length;  // in units of 16 bytes
  uint8_t revision;
  uint8_t checksum;
  uint8_t features[5];
};
static_assert(sizeof(FloatingPointer) == 16);

// §4.2
struct [[gnu::packed]] TableHeader {
  char signature[4];
  uint16_t length;
  uint8_t revision;
  uint8_t checksum;
  char names[20];
  uint32_t oem_table;
  uint16_t oem_table_size;
  uint16_t entries;
  uint32_t local_apic;
  uint16_t extended_length;
  uint8_t extended_checksum;
  uint8_t reserved;
};
static_assert(sizeof(TableHeader) == 44);

enum EntryType : uint8_t {
  kProcessor = 0,
  kBus = 1,
  kIoApic = 2,
  kIoInterrupt = 3,
  kLocalInterrupt = 4,
};

// §4.3.1; twenty bytes, all other entries have eight.
struct [[gnu::packed]] ProcessorEntry {
  static constexpr uint8_t kEnabled = 1 << 0;
  uint8_t type;
  uint8_t apic_id;
  uint8_t version;
  uint8_t flags;
  uint8_t rest[16];
};
static_assert(sizeof(ProcessorEntry) == 20);

struct [[gnu::packed]] BusEntry {
  uint8_t type;
  uint8_t id;
  char name[6];
};

struct [[gnu::packed]] IoApicEntry {
  static constexpr uint8_t kEnabled = 1 << 0;
  uint8_t type;
  uint8_t id;
  uint8_t version;
  uint8_t flags;
  uint32_t address;
};

struct [[gnu::packed]] InterruptEntry {
  static constexpr uint8_t kVectoredInterrupt = 0;
  static constexpr uint16_t kPolarityMask = 3;
  static constexpr uint16_t kActiveLow = 3;
  static constexpr uint16_t kTriggerMask = 3 << 2;
  static constexpr uint16_t kLevel = 3 << 2;
  uint8_t type;
  uint8_t kind;
  uint16_t flags;
  uint8_t bus;
  uint8_t bus_irq;
  uint8_t io_apic;
  uint8_t line;
};
static_assert(sizeof(InterruptEntry) == 8);

const FloatingPointer* FindPointer(uint64_t begin, uint64_t end) {
  for (uint64_t at = begin; at < end; at += sizeof(FloatingPointer)) {
    auto* pointer = reinterpret_cast<const FloatingPointer*>(at);
    if (std::memcmp(pointer->signature, "_MP_", 4) == 0 &&
        ChecksumHolds(pointer, sizeof(*pointer))) {
      return pointer;
    }
  }
  return nullptr;
}

/// §4: the last kilobyte of base memory, or the BIOS read-only memory.
const FloatingPointer* FindPointer() {
  constexpr uint64_t kBaseMemoryEnd = 0xA0000;
  constexpr uint64_t kKilobyte = 1024;
  if (auto* p = FindPointer(kBiosTablesBegin, kBiosEnd)) return p;
  if (auto* p = FindPointer(kBaseMemoryEnd - kKilobyte, kBaseMemoryEnd)) {
    return p;
  }
  return FindPointer(kBaseMemoryEnd - 2 * kKilobyte,
                     kBaseMemoryEnd - kKilobyte);
}

void AddInterrupt(PlatformInfo& platform, const InterruptEntry& entry,
                  int isa_bus) {
  if (entry.kind != InterruptEntry::kVectoredInterrupt ||
      entry.bus != isa_bus || entry.bus_irq >= PlatformInfo::kIsaLines) {
    return;
  }
  // The specification's table has one I/O APIC's lines numbered from 0.
  bool level =
      (entry.flags & InterruptEntry::kTriggerMask) == InterruptEntry::kLevel;
  bool low =
      (entry.flags & InterruptEntry::kPolarityMask) == InterruptEntry::kActiveLow;
  platform.isa_lines[entry.bus_irq] = {
      entry.line, level ? Trigger::kLevel : Trigger::kEdge,
      low ? Polarity::kActiveLow : Polarity::kActiveHigh};
}

void AddProcessor(PlatformInfo& platform, const ProcessorEntry& entry) {
  if ((entry.flags & ProcessorEntry::kEnabled) == 0) return;
  auto& ids = platform.apic_ids;
  if (std::find(ids.begin(), ids.end(), entry.apic_id) == ids.end()) {
    ids.Add(entry.apic_id);
  }
}

void ReadEntries(PlatformInfo& platform, const TableHeader& header) {
  auto* at = reinterpret_cast<const uint8_t*>(&header + 1);
  auto* end = reinterpret_cast<const uint8_t*>(&header) + header.length;
  int isa_bus = -1;
  // By length: qboot, the firmware of QEMU's microvm, leaves the count at zero.
  while (end - at >= static_cast<ptrdiff_t>(sizeof(BusEntry))) {
    switch (*at) {
      case kProcessor:
        if (end - at < static_cast<ptrdiff_t>(sizeof(ProcessorEntry))) return;
        AddProcessor(platform, *reinterpret_cast<const ProcessorEntry*>(at));
        at += sizeof(ProcessorEntry) - sizeof(BusEntry);
        break;
      case kBus: {
        auto* bus = reinterpret_cast<const BusEntry*>(at);
        if (std::memcmp(bus->name, "ISA", 3) == 0) isa_bus = bus->id;
        break;
      }
      case kIoApic: {
        auto* entry = reinterpret_cast<const IoApicEntry*>(at);
        if ((entry->flags & IoApicEntry::kEnabled) != 0) {
          platform.io_apics.Add({entry->address, 0});
        }
        break;
      }
      case kIoInterrupt:
        AddInterrupt(platform, *reinterpret_cast<const InterruptEntry*>(at),
                     isa_bus);
        break;
      default:
        break;
    }
    at += sizeof(BusEntry);
  }
}

}  // namespace

bool ReadMpTable(PlatformInfo& platform) {
  const FloatingPointer* pointer = FindPointer();
  if (pointer == nullptr || pointer->table == 0) return false;
  auto* header = static_cast<const TableHeader*>(
      MapFirmware(pointer->table, sizeof(TableHeader)));
  if (std::memcmp(header->signature, "PCMP", 4) != 0) return false;
  header = static_cast<const TableHeader*>(
      MapFirmware(pointer->table, header->length));
  if (!ChecksumHolds(header, header->length)) return false;
  ReadEntries(platform, *header);
  return true;
}

}  // namespace ebbrt
