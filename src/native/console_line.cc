#include "native/console_line.h"

#include <algorithm>

#include "platform/log.h"

namespace ebbrt {

ConsoleLine::~ConsoleLine() {
  text_[size_++] = '\n';
  platform::WriteConsole({text_, size_});
}

ConsoleLine& ConsoleLine::Text(std::string_view text) {
  size_t count = std::min(text.size(), kCapacity - size_);
  std::copy_n(text.data(), count, text_ + size_);
  size_ += count;
  return *this;
}

ConsoleLine& ConsoleLine::Decimal(uint64_t number) {
  return Number(number, 10, 1);
}

ConsoleLine& ConsoleLine::Hex(uint64_t number, int digits) {
  Text("0x");
  return Number(number, 16, digits);
}

ConsoleLine& ConsoleLine::Number(uint64_t number, unsigned base, int digits) {
  char reversed[20];
  int count = 0;
  do {
    reversed[count++] = "0123456789abcdef"[number % base];
    number /= base;
  } while (number != 0 || count < digits);
  std::reverse(reversed, reversed + count);
  return Text({reversed, static_cast<size_t>(count)});
}

}  // namespace ebbrt
