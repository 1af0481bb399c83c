// Finds out whether KVM runs guests on hardware.
#pragma once

#include <string>

namespace ebbrt::iaas {

// Boots a guest of one page under /dev/kvm that counts down from a million and
// halts. Where hardware runs it that takes about a millisecond. A KVM that
// interprets instructions in the kernel takes seconds: it then ends this
// process by SIGALRM after kKvmRunMilliseconds, so call it in a process of its
// own (RunHelper). Returns "ok <microseconds>" if the guest finished, otherwise
// "no <what failed>".
std::string ProbeKvm();

// A hundred times what the slowest hardware needs, yet hardly felt at start.
inline constexpr int kKvmRunMilliseconds = 100;

}  // namespace ebbrt::iaas
