// Fuzzes what the first core reads before anything else: a PVH loader's start
// info with its memory map, and the command line, in which devices are named.
// Ranges of memory that can't be are left out, and no look goes beyond the map.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "native/paging.h"
#include "native/platform_info.h"
#include "tests/fuzz/bytes.h"
#include "tests/fuzz/fuzz.h"

namespace {

using ebbrt::Platform;
using ebbrt::PlatformInfo;
using ebbrt::PvhMemoryMapEntry;
using ebbrt::PvhStartInfo;
using ebbrt::fuzz::Bytes;
using ebbrt::fuzz::Check;

void CheckMemory() {
  for (const auto& range : Platform().memory) {
    Check(range.begin < range.end, "memory that is there has a size");
  }
}

void CheckCommandLine(const std::string& line) {
  auto read = Platform().command_line;
  Check(line.substr(0, PlatformInfo::kMaxCommandLine - 1) == read,
        "the command line is read as it is");
  for (std::string_view key : {"ebbrt.net", "a", "virtio_mmio.device"}) {
    auto value = Platform().Argument(key);
    Check(!value || value->empty() ||
              (value->data() >= read.data() &&
               value->data() + value->size() <= read.data() + read.size()),
          "an argument's value is part of the line");
  }
}

}  // namespace

/// Not called: what is mapped comes later.
const void* ebbrt::MapFirmware(uint64_t, size_t) { return nullptr; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Bytes input(data, size);
  std::vector<PvhMemoryMapEntry> map(input.Next() % 40);
  for (auto& entry : map) {
    entry.address = input.Number<uint64_t>();
    entry.size = input.Number<uint64_t>();
    entry.type = input.Next() % 6;
  }
  // The line ends where the loader says, with a zero.
  std::string line(input.Take(size));
  line.resize(std::strlen(line.c_str()));

  PvhStartInfo info{};
  info.magic = PvhStartInfo::kMagic;
  info.version = 1;
  info.memory_map = reinterpret_cast<uint64_t>(map.data());
  info.memory_map_entries = static_cast<uint32_t>(map.size());
  info.command_line = reinterpret_cast<uint64_t>(line.c_str());
  // What lasts as long as a machine is new here for each input.
  const_cast<PlatformInfo&>(Platform()) = {};
  ebbrt::ReadStartInfo(info);
  CheckMemory();
  CheckCommandLine(line);
  return 0;
}
