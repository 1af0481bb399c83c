// Included in front of everything that Clang compiles for fuzzing. KJ 0.9 leaves
// `"text" == StringPtr` to C++20's reversed candidates, and uses `!=` of the same,
// which from Clang 16 on (P2468R2) no longer follows from it.
#pragma once

#include <kj/string.h>

namespace kj {
inline bool operator==(const char* a, const StringPtr& b) { return b.operator==(a); }
inline bool operator!=(const char* a, const StringPtr& b) { return !b.operator==(a); }
}  // namespace kj
