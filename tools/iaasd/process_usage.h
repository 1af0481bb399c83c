// What a process costs its host, as the kernel counts it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace ebbrt::iaas {

struct ProcessUsage {
  double cpu_seconds = 0;  // of all its threads, user's and kernel's
  uint64_t resident_bytes = 0;
};

// Of process `pid`; zeros if there is none, as for 0.
ProcessUsage UsageOf(pid_t pid);

// From the text of /proc/PID/stat, proc(5); zeros if it isn't one.
ProcessUsage ParseUsage(const std::string& stat);

}  // namespace ebbrt::iaas
