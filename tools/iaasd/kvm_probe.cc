#include "kvm_probe.h"

#include <fcntl.h>
#include <kj/io.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <utility>

namespace ebbrt::iaas {
namespace {

constexpr uint64_t kCodeAddress = 0x1000;
constexpr size_t kPage = 4096;

// Real mode: a million turns of a loop of two instructions, then a halt.
constexpr std::array<uint8_t, 10> kCode = {
    0x66, 0xb9, 0x40, 0x42, 0x0f, 0x00,  // mov $1000000, %ecx
    0x66, 0x49,                          // 1: dec %ecx
    0x75, 0xfc,                          // jnz 1b
};
constexpr uint8_t kHalt = 0xf4;

std::string Failure(const char* what) {
  return std::string("no ") + what + ": " + std::strerror(errno);
}

void ArmAlarm() {
  itimerval alarm{};
  alarm.it_value.tv_usec = kKvmRunMilliseconds * 1000;
  setitimer(ITIMER_REAL, &alarm, nullptr);
}

// Puts the one processor at the code, in real mode with flat segments.
bool SetRegisters(int cpu) {
  kvm_sregs special{};
  if (ioctl(cpu, KVM_GET_SREGS, &special) != 0) return false;
  special.cs.base = 0;
  special.cs.selector = 0;
  kvm_regs registers{};
  registers.rip = kCodeAddress;
  registers.rflags = 2;  // the bit that is always set
  return ioctl(cpu, KVM_SET_SREGS, &special) == 0 &&
         ioctl(cpu, KVM_SET_REGS, &registers) == 0;
}

// Memory of the guest: one page with the code.
bool SetMemory(int vm, void* page) {
  std::memcpy(page, kCode.data(), kCode.size());
  static_cast<uint8_t*>(page)[kCode.size()] = kHalt;
  kvm_userspace_memory_region region{};
  region.guest_phys_addr = kCodeAddress;
  region.memory_size = kPage;
  region.userspace_addr = reinterpret_cast<uintptr_t>(page);
  return ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) == 0;
}

std::string RunGuest(int kvm, int cpu) {
  const int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (size < static_cast<int>(sizeof(kvm_run))) return Failure("no run area");
  void* area = mmap(nullptr, static_cast<size_t>(size), PROT_READ | PROT_WRITE,
                    MAP_SHARED, cpu, 0);
  if (area == MAP_FAILED) return Failure("no run area");
  const auto* run = static_cast<const kvm_run*>(area);
  using Clock = std::chrono::steady_clock;
  const auto start = Clock::now();
  ArmAlarm();
  if (ioctl(cpu, KVM_RUN, 0) != 0) return Failure("the guest does not run");
  const auto taken = std::chrono::duration_cast<std::chrono::microseconds>(
      Clock::now() - start);
  if (run->exit_reason != KVM_EXIT_HLT) {
    return "no the guest stopped early (exit reason " +
           std::to_string(run->exit_reason) + ")";
  }
  return "ok " + std::to_string(taken.count());
}

}  // namespace

std::string ProbeKvm() {
  const kj::AutoCloseFd kvm(open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (kvm.get() < 0) return Failure("/dev/kvm does not open");
  if (ioctl(kvm.get(), KVM_GET_API_VERSION, 0) != KVM_API_VERSION) {
    return Failure("/dev/kvm speaks another version");
  }
  const kj::AutoCloseFd vm(ioctl(kvm.get(), KVM_CREATE_VM, 0));
  if (vm.get() < 0) return Failure("no virtual machine can be made");
  void* page = mmap(nullptr, kPage, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return Failure("no memory");
  if (!SetMemory(vm.get(), page)) return Failure("no guest memory");
  const kj::AutoCloseFd cpu(ioctl(vm.get(), KVM_CREATE_VCPU, 0));
  if (cpu.get() < 0) return Failure("no virtual processor can be made");
  if (!SetRegisters(cpu.get())) return Failure("no registers");
  return RunGuest(kvm.get(), cpu.get());
}

}  // namespace ebbrt::iaas
