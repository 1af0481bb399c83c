// Error numbers as they travel: Linux's, whatever this node's C library calls
// them.
#pragma once

#include <cstdint>

namespace ebbrt {

/// This node's errno for Linux's number; EIO for one that nobody knows.
int ErrnoFromLinux(uint32_t linux_number);

}  // namespace ebbrt
