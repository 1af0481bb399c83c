// Decides between KVM and QEMU's translator (TCG).
#pragma once

#include <kj/async-unix.h>
#include <kj/timer.h>

#include <cstdint>
#include <string>

namespace ebbrt::iaas {

enum class AcceleratorKind { kKvm, kTcg };
enum class AcceleratorChoice { kAutomatic, kKvm, kTcg };

struct Accelerator {
  AcceleratorKind kind = AcceleratorKind::kTcg;
  std::string reason;    // for people
  uint64_t tsc_khz = 0;  // the frequency that guests see under TCG
};

// "kvm" or "tcg", as QEMU calls it.
const char* Name(AcceleratorKind kind);

// Makes the choice. With kAutomatic it takes up to half a second, during which
// the event loop goes on; a /dev/kvm without hardware behind it is found out
// (DESIGN §7). Never fails: what speaks against KVM becomes the reason.
kj::Promise<Accelerator> ChooseAccelerator(kj::UnixEventPort& port,
                                           kj::Timer& timer,
                                           AcceleratorChoice choice);

}  // namespace ebbrt::iaas
