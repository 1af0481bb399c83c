// Signal numbers as they travel: Linux's, whatever this node's C library calls
// them. Of the signals that a node can catch (file_system.h), no others.
#pragma once

#include <cstdint>

namespace ebbrt {

/// Linux's number for this node's; 0 for one that can't be caught.
uint32_t SignalToLinux(int signal);

/// This node's number for Linux's; 0 for one that can't be caught.
int SignalFromLinux(uint32_t linux_number);

}  // namespace ebbrt
