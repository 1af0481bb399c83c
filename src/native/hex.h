// Numbers in hexadecimal, without stdio: printf and its floating point are 30 KB
// of every image.
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>

namespace ebbrt {

/// `number` in lower-case hexadecimal digits, at least `digits` of them (at most
/// 16). Throws std::bad_alloc. Any context that may allocate.
inline std::string Hex(uint64_t number, size_t digits = 1) {
  std::array<char, 16> text;
  char* end = std::to_chars(text.begin(), text.end(), number, 16).ptr;
  auto count = static_cast<size_t>(end - text.begin());
  return std::string(std::max(digits, count) - count, '0').append(
      text.begin(), end);
}

}  // namespace ebbrt
