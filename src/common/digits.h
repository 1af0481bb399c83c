// Numbers off the front of a text.
//
// In place of std::from_chars, whose instances for each type and base, and their
// tables, are a kilobyte and a half of a small image.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace ebbrt {

/// What `c` counts as a digit, in either case of letters; 16 or more: it is no
/// hexadecimal one.
unsigned DigitValue(char c);

/// Takes the longest run of digits of `base`, 10 or 16, off the front of `text`.
/// std::nullopt, and `text` in any state, if there is none or the number is
/// above `limit`.
std::optional<uint64_t> TakeNumber(std::string_view& text, uint64_t limit,
                                   unsigned base = 10);

}  // namespace ebbrt
