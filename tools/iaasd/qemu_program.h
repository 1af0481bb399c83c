// Where QEMU is.
#pragma once

#include <string>

namespace ebbrt::iaas {

// The absolute path of the QEMU to run: $EBBRT_QEMU of the daemon if set, else
// qemu-system-x86_64 on its PATH. Throws UserError naming the package to
// install.
std::string FindQemu();

}  // namespace ebbrt::iaas
