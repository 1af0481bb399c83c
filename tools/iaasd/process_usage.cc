#include "process_usage.h"

#include <unistd.h>

#include <fstream>
#include <iterator>
#include <sstream>

namespace ebbrt::iaas {

// Fields 14 (utime), 15 (stime) and 24 (rss).
ProcessUsage ParseUsage(const std::string& stat) {
  // The name in parentheses, field 2, may itself hold spaces and parentheses.
  const size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos) return {};
  std::istringstream fields(stat.substr(name_end + 1));
  std::string skipped;
  for (int number = 3; number < 14; ++number) fields >> skipped;
  uint64_t user = 0;
  uint64_t kernel = 0;
  fields >> user >> kernel;
  for (int number = 16; number < 24; ++number) fields >> skipped;
  uint64_t pages = 0;
  fields >> pages;
  if (!fields) return {};
  return {
      .cpu_seconds = static_cast<double>(user + kernel) /
                     static_cast<double>(sysconf(_SC_CLK_TCK)),
      .resident_bytes = pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE))};
}

ProcessUsage UsageOf(pid_t pid) {
  if (pid == 0) return {};
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  return ParseUsage({std::istreambuf_iterator<char>(file), {}});
}

}  // namespace ebbrt::iaas
