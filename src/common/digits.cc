#include "common/digits.h"

namespace ebbrt {

unsigned DigitValue(char c) {
  unsigned decimal = static_cast<unsigned char>(c) - unsigned{'0'};
  if (decimal < 10) return decimal;
  unsigned letter = (static_cast<unsigned char>(c) | 0x20u) - unsigned{'a'};
  return letter < 6 ? 10 + letter : 16;
}

std::optional<uint64_t> TakeNumber(std::string_view& text, uint64_t limit,
                                   unsigned base) {
  uint64_t number = 0;
  size_t digits = 0;
  for (; digits < text.size(); ++digits) {
    unsigned digit = DigitValue(text[digits]);
    if (digit >= base) break;
    if (digit > limit || number > (limit - digit) / base) return std::nullopt;
    number = number * base + digit;
  }
  text.remove_prefix(digits);
  return digits > 0 ? std::optional(number) : std::nullopt;
}

}  // namespace ebbrt
