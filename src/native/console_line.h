// ConsoleLine: puts a line together without a heap and writes it at once.
//
// For boot, faults and panics, where stdio and allocation are out of the question.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ebbrt {

/// Written when destroyed, cut off at kCapacity characters. Any context.
class ConsoleLine {
 public:
  static constexpr size_t kCapacity = 256;

  ConsoleLine() = default;
  ~ConsoleLine();
  ConsoleLine(const ConsoleLine&) = delete;
  ConsoleLine& operator=(const ConsoleLine&) = delete;

  ConsoleLine& Text(std::string_view text);
  ConsoleLine& Decimal(uint64_t number);
  /// With 0x and at least `digits` digits.
  ConsoleLine& Hex(uint64_t number, int digits = 1);
  size_t Size() const { return size_; }

 private:
  ConsoleLine& Number(uint64_t number, unsigned base, int digits);

  char text_[kCapacity + 1];  // one for the end of line
  size_t size_ = 0;
};

}  // namespace ebbrt
