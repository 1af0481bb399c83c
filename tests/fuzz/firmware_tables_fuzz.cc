// Fuzzes the readers of what firmware and hypervisor leave in memory: ACPI's
// tables and the MP table. The input is what lies behind each table's header;
// signatures, lengths and checksums are put right, or nothing would be read.
// What is mapped for a table ends where the table does, so that the sanitizer
// sees a look beyond.
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "native/acpi.h"
#include "native/firmware_memory.h"
#include "native/mp_table.h"
#include "native/paging.h"
#include "native/platform_info.h"
#include "tests/fuzz/fuzz.h"

namespace {

using ebbrt::fuzz::Check;

// From the last kilobyte of base memory on, where an MP table is looked for.
constexpr uint64_t kBegin = 0x9F000;
constexpr uint64_t kEnd = ebbrt::kBiosEnd;
constexpr uint64_t kRootPointer = ebbrt::kBiosBegin;
constexpr uint64_t kTables = kRootPointer + 0x100;
constexpr uint64_t kMpPointer = ebbrt::kBiosTablesBegin;

/// Physical memory of this machine, at its own addresses.
uint8_t* Memory() {
  static auto* memory = static_cast<uint8_t*>(mmap(
      reinterpret_cast<void*>(kBegin), kEnd - kBegin, PROT_READ | PROT_WRITE,
      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
  Check(memory == reinterpret_cast<uint8_t*>(kBegin),
        "the low addresses are to be had");
  return memory;
}

std::vector<std::unique_ptr<uint8_t[]>> mapped;

/// Tables one behind the other.
class Layout {
 public:
  explicit Layout(uint64_t at) : at_(at) {}

  /// Room for a table that begins with `start`; the address.
  uint64_t Add(std::string_view start, std::string_view rest) {
    size_t size = start.size() + rest.size();
    Check(at_ + size <= kEnd, "the tables have room");
    std::memcpy(reinterpret_cast<void*>(at_), start.data(), start.size());
    if (!rest.empty()) {
      std::memcpy(reinterpret_cast<void*>(at_ + start.size()), rest.data(),
                  rest.size());
    }
    uint64_t address = at_;
    at_ += (size + 15) & ~uint64_t{15};
    return address;
  }

 private:
  uint64_t at_;
};

void SetChecksum(uint64_t table, size_t size, size_t at) {
  auto* bytes = reinterpret_cast<uint8_t*>(table);
  bytes[at] = 0;
  uint8_t sum = 0;
  for (size_t i = 0; i < size; ++i) sum = static_cast<uint8_t>(sum + bytes[i]);
  bytes[at] = static_cast<uint8_t>(-sum);
}

template <typename T>
void Put(std::string& text, size_t at, T value) {
  std::memcpy(text.data() + at, &value, sizeof value);
}

/// ACPI 6.4, §5.2.6.
uint64_t AddAcpi(Layout& layout, const char* signature, std::string_view body) {
  constexpr size_t kHeader = 36;
  constexpr size_t kChecksum = 9;
  std::string header(kHeader, '\0');
  std::memcpy(header.data(), signature, 4);
  Put(header, 4, static_cast<uint32_t>(kHeader + body.size()));
  uint64_t address = layout.Add(header, body);
  SetChecksum(address, kHeader + body.size(), kChecksum);
  return address;
}

/// The next part of the input, as long as its first byte says.
std::string_view Take(std::string_view& input) {
  if (input.empty()) return {};
  size_t size =
      std::min<size_t>(static_cast<uint8_t>(input[0]), input.size() - 1);
  auto part = input.substr(1, size);
  input.remove_prefix(1 + size);
  return part;
}

void CheckPlatform(const ebbrt::PlatformInfo& platform) {
  for (uint8_t node : platform.core_nodes) {
    Check(node < ebbrt::PageTag::kMaxNodes, "cores' nodes are nodes");
  }
  for (const auto& memory : platform.node_memory) {
    Check(memory.node < ebbrt::PageTag::kMaxNodes, "memory's nodes are nodes");
  }
}

void ReadAcpi(std::string_view input) {
  Layout layout(kTables);
  std::string entries;
  for (const char* signature : {"APIC", "SRAT", "MCFG", "FACP"}) {
    std::string body(Take(input));
    if (std::strcmp(signature, "FACP") == 0 && body.size() >= 8) {
      Put(body, 4, static_cast<uint32_t>(AddAcpi(layout, "DSDT", Take(input))));
    }
    auto address = static_cast<uint32_t>(AddAcpi(layout, signature, body));
    entries.append(reinterpret_cast<const char*>(&address), sizeof address);
  }
  std::string root(36, '\0');
  std::memcpy(root.data(), "RSD PTR ", 8);
  Put(root, 16, static_cast<uint32_t>(AddAcpi(layout, "RSDT", entries)));
  Layout(kRootPointer).Add(root, "");
  SetChecksum(kRootPointer, 20, 8);

  Check(ebbrt::FindRsdp() == kRootPointer, "the root pointer is found");
  ebbrt::PlatformInfo platform;
  platform.rsdp = kRootPointer;
  ebbrt::ReadAcpi(platform);
  CheckPlatform(platform);
  ebbrt::FindPowerOff(platform);
}

/// MultiProcessor Specification 1.4, §4.1 and §4.2.
void ReadMp(std::string_view input) {
  constexpr size_t kHeader = 44;
  auto body = input.substr(0, 512);
  std::string header(kHeader, '\0');
  std::memcpy(header.data(), "PCMP", 4);
  Put(header, 4, static_cast<uint16_t>(kHeader + body.size()));
  uint64_t table = Layout(kTables).Add(header, body);
  SetChecksum(table, kHeader + body.size(), 7);

  std::string pointer(16, '\0');
  std::memcpy(pointer.data(), "_MP_", 4);
  Put(pointer, 4, static_cast<uint32_t>(table));
  pointer[8] = 1;
  Layout(kMpPointer).Add(pointer, "");
  SetChecksum(kMpPointer, pointer.size(), 10);

  ebbrt::PlatformInfo platform;
  Check(ebbrt::ReadMpTable(platform), "the MP table is found");
  CheckPlatform(platform);
}

}  // namespace

/// What the machine's memory has there, and not a byte behind it.
const void* ebbrt::MapFirmware(uint64_t physical, size_t size) {
  auto copy = std::make_unique<uint8_t[]>(size);
  for (size_t i = 0; i < size; ++i) {
    uint64_t at = physical + i;
    copy[i] =
        at >= kBegin && at < kEnd ? *reinterpret_cast<uint8_t*>(at) : 0xFF;
  }
  mapped.push_back(std::move(copy));
  return mapped.back().get();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0 || size > 2048) return 0;
  std::memset(Memory(), 0, kEnd - kBegin);
  auto input = ebbrt::fuzz::Text(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    ReadAcpi(input);
  } else {
    ReadMp(input);
  }
  mapped.clear();
  return 0;
}
