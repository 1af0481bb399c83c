// Words of a command line of the text protocol.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace ebbrt::memcached {

/// The first words of a line; views on it.
class Words {
 public:
  /// As many as memcached reads at once; only a get, which has none of these,
  /// takes more.
  static constexpr size_t kMost = 23;

  explicit Words(std::string_view line) {
    while (size_ < kMost && !(words_[size_] = TakeWord(line)).empty()) ++size_;
  }

  /// Takes the first word off `line`; empty if there is none.
  static std::string_view TakeWord(std::string_view& line) {
    size_t begin = 0;
    while (begin < line.size() && line[begin] == ' ') ++begin;
    size_t end = begin;
    while (end < line.size() && line[end] != ' ') ++end;
    auto word = line.substr(begin, end - begin);
    line.remove_prefix(end);
    return word;
  }

  size_t Size() const { return size_; }
  std::string_view operator[](size_t i) const { return words_[i]; }
  /// The last one; Size() > 0.
  std::string_view Last() const { return words_[size_ - 1]; }

 private:
  std::array<std::string_view, kMost> words_;
  size_t size_ = 0;
};

}  // namespace ebbrt::memcached
