// Bytes: a fuzzer's input, read as numbers and strings. At its end all are zero
// and empty.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/fuzz/fuzz.h"

namespace ebbrt::fuzz {

class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : text_(Text(data, size)) {}

  bool AtEnd() const { return text_.empty(); }
  uint8_t Next() {
    if (text_.empty()) return 0;
    auto byte = static_cast<uint8_t>(text_[0]);
    text_.remove_prefix(1);
    return byte;
  }
  /// Little-endian.
  template <typename T>
  T Number() {
    uint64_t number = 0;
    for (size_t i = 0; i < sizeof(T); ++i) {
      number |= uint64_t{Next()} << (8 * i);
    }
    return static_cast<T>(number);
  }
  /// The next `size` bytes, fewer at the end.
  std::string_view Take(size_t size) {
    auto part = text_.substr(0, size);
    text_.remove_prefix(part.size());
    return part;
  }

 private:
  std::string_view text_;
};

}  // namespace ebbrt::fuzz
