// Line: a short text being put together on the stack.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace ebbrt::memcached {

class Line {
 public:
  /// Longer than any line of the protocol: a key in base64 and every flag.
  static constexpr size_t kCapacity = 1024;

  Line() = default;
  explicit Line(std::string_view text) { Add(text); }

  /// What goes beyond kCapacity is cut off.
  Line& Add(std::string_view text) {
    size_t n = std::min(text.size(), kCapacity - size_);
    std::memcpy(buffer_ + size_, text.data(), n);
    size_ += n;
    return *this;
  }
  Line& Add(char c) { return Add(std::string_view(&c, 1)); }
  Line& AddNumber(uint64_t number) {
    auto end = std::to_chars(buffer_ + size_, buffer_ + kCapacity, number).ptr;
    size_ = static_cast<size_t>(end - buffer_);
    return *this;
  }

  std::string_view View() const { return {buffer_, size_}; }

 private:
  size_t size_ = 0;
  char buffer_[kCapacity];
};

}  // namespace ebbrt::memcached
