// The image's own table of its functions' names.
//
// link_image makes it from a first link and a second link adds it, as the
// section .symbols. Names are demangled, without parameters and with template
// arguments left out, and packed with a dictionary: about 12 bytes a function.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ebbrt {

class FunctionName {
 public:
  /// The function that holds the code at `address`; empty if there is none or
  /// the image has no table. Any context, allocates nothing.
  static FunctionName Of(uint64_t address);

  std::string_view Name() const { return {name_, size_}; }
  /// Bytes from the function's beginning.
  uint64_t Offset() const { return offset_; }

 private:
  static constexpr size_t kCapacity = 96;
  void Append(const uint8_t* token);

  char name_[kCapacity];
  size_t size_ = 0;
  uint64_t offset_ = 0;
};

}  // namespace ebbrt
