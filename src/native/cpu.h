// The x86-64 instructions that C++ has no words for, and the registers' fields.
//
// References are to the Intel Software Developer's Manual (SDM), volume 3
// unless said. Every function may be called in any context of any core.
#pragma once

#include <cstdint>

namespace ebbrt::cpu {

// --- ports -------------------------------------------------------------------

inline void Out8(uint16_t port, uint8_t value) {
  asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
inline void Out16(uint16_t port, uint16_t value) {
  asm volatile("outw %0, %1" : : "a"(value), "Nd"(port));
}
inline void Out32(uint16_t port, uint32_t value) {
  asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}
inline uint8_t In8(uint16_t port) {
  uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline uint16_t In16(uint16_t port) {
  uint16_t value;
  asm volatile("inw %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}
inline uint32_t In32(uint16_t port) {
  uint32_t value;
  asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

// --- model-specific registers (SDM volume 4) ------------------------------------

enum class Msr : uint32_t {
  kApicBase = 0x1B,
  kTscDeadline = 0x6E0,
  kX2ApicBase = 0x800,  // + (xAPIC register offset >> 4), SDM §11.12.1.2
  kFsBase = 0xC0000100,
  kKvmWallClock = 0x4B564D00,   // KVM's paravirtual interface, msr.rst
  kKvmSystemTime = 0x4B564D01,
};

inline uint64_t ReadMsr(Msr msr) {
  uint32_t low, high;
  asm volatile("rdmsr"
               : "=a"(low), "=d"(high)
               : "c"(static_cast<uint32_t>(msr)));
  return uint64_t{high} << 32 | low;
}
inline void WriteMsr(Msr msr, uint64_t value) {
  asm volatile("wrmsr"
               :
               : "c"(static_cast<uint32_t>(msr)),
                 "a"(static_cast<uint32_t>(value)),
                 "d"(static_cast<uint32_t>(value >> 32))
               : "memory");
}

// --- identification ---------------------------------------------------------------

struct CpuidResult {
  uint32_t eax, ebx, ecx, edx;
};

inline CpuidResult Cpuid(uint32_t leaf, uint32_t subleaf = 0) {
  CpuidResult result;
  asm volatile("cpuid"
               : "=a"(result.eax), "=b"(result.ebx), "=c"(result.ecx),
                 "=d"(result.edx)
               : "a"(leaf), "c"(subleaf));
  return result;
}

/// CPUID leaves and bits that this system looks at (SDM volume 2, CPUID).
inline constexpr uint32_t kLeafFeatures = 1;
inline constexpr uint32_t kFeaturesEcxX2Apic = 1u << 21;
inline constexpr uint32_t kFeaturesEcxTscDeadline = 1u << 24;
inline constexpr uint32_t kFeaturesEcxXsave = 1u << 26;
inline constexpr uint32_t kFeaturesEcxAvx = 1u << 28;
inline constexpr uint32_t kFeaturesEcxRdrand = 1u << 30;
inline constexpr uint32_t kFeaturesEcxHypervisor = 1u << 31;
inline constexpr uint32_t kLeafExtendedState = 0xD;
inline constexpr uint32_t kLeafTscCrystal = 0x15;
inline constexpr uint32_t kLeafFrequency = 0x16;
inline constexpr uint32_t kLeafHypervisor = 0x40000000;
inline constexpr uint32_t kLeafKvmFeatures = 0x40000001;
inline constexpr uint32_t kKvmFeatureClock2 = 1u << 3;
inline constexpr uint32_t kKvmFeatureClockStable = 1u << 24;
inline constexpr uint32_t kLeafHypervisorTiming = 0x40000010;
inline constexpr uint32_t kLeafExtendedFeatures = 0x80000001;
inline constexpr uint32_t kExtendedEdxGigabytePages = 1u << 26;

// --- control registers -----------------------------------------------------------

inline constexpr uint64_t kCr0WriteProtect = 1u << 16;
inline constexpr uint64_t kCr4Osxsave = 1u << 18;

inline uint64_t ReadCr0() {
  uint64_t value;
  asm volatile("mov %%cr0, %0" : "=r"(value));
  return value;
}
inline void WriteCr0(uint64_t value) {
  asm volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}
inline uint64_t ReadCr2() {
  uint64_t value;
  asm volatile("mov %%cr2, %0" : "=r"(value));
  return value;
}
inline uint64_t ReadCr3() {
  uint64_t value;
  asm volatile("mov %%cr3, %0" : "=r"(value));
  return value;
}
inline void WriteCr3(uint64_t value) {
  asm volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}
inline uint64_t ReadCr4() {
  uint64_t value;
  asm volatile("mov %%cr4, %0" : "=r"(value));
  return value;
}
inline void WriteCr4(uint64_t value) {
  asm volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}
inline void WriteXcr0(uint64_t value) {
  asm volatile("xsetbv"
               :
               : "c"(0), "a"(static_cast<uint32_t>(value)),
                 "d"(static_cast<uint32_t>(value >> 32)));
}

/// Forgets this core's translation of the page that holds `address`, and every
/// cached upper-level entry (SDM §4.10.4.1).
inline void InvalidatePage(uint64_t address) {
  asm volatile("invlpg (%0)" : : "r"(address) : "memory");
}

// --- time and waiting --------------------------------------------------------------

inline uint64_t ReadTsc() {
  uint32_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return uint64_t{high} << 32 | low;
}

/// Stops the core for good; nothing but NMI or INIT gets through.
[[noreturn]] inline void HaltForever() {
  for (;;) asm volatile("cli; hlt" : : : "memory");
}

}  // namespace ebbrt::cpu
