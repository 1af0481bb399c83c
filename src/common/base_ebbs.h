// The one table of fixed Ebb ids.
//
// Fixed ids live in two ranges that no node is ever given: kSystemRange for the
// Ebbs of the runtime itself, kApplicationRange for Ebbs that an application
// names at compile time so that all its nodes agree without a message. The
// ranges lie at the top of the id space on purpose: natively their translation
// entries then have addresses that fit a sign-extended 32-bit displacement, so
// a call on a fixed id needs no address in a register (see docs/memory-map.md).
#pragma once

#include "common/types.h"

namespace ebbrt {

inline constexpr EbbId kSystemRange = 0xFFFF'0000;
inline constexpr EbbId kApplicationRange = 0xFFFE'0000;

inline constexpr EbbId kEventManagerId = kSystemRange + 1;
inline constexpr EbbId kEbbAllocatorId = kSystemRange + 2;
inline constexpr EbbId kLocalIdMapId = kSystemRange + 3;
inline constexpr EbbId kGlobalIdMapId = kSystemRange + 4;
inline constexpr EbbId kNetworkManagerId = kSystemRange + 5;
inline constexpr EbbId kMessengerId = kSystemRange + 6;
inline constexpr EbbId kNodeAllocatorId = kSystemRange + 7;
inline constexpr EbbId kVirtualMemoryId = kSystemRange + 8;
inline constexpr EbbId kPageAllocatorId = kSystemRange + 9;
inline constexpr EbbId kGeneralPurposeAllocatorId = kSystemRange + 10;
inline constexpr EbbId kFileSystemId = kSystemRange + 11;
inline constexpr EbbId kResolverId = kSystemRange + 12;
inline constexpr EbbId kRcuId = kSystemRange + 13;

/// The application's own fixed id number `n`, 1 <= n < 65536.
constexpr EbbId ApplicationEbbId(uint16_t n) { return kApplicationRange + n; }

}  // namespace ebbrt
