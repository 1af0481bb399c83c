// Options: the command-line words that server and front-end take.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ebbrt::memcached {

inline constexpr uint16_t kDefaultPort = 11211;

/// A word that makes no sense; what() names it and what it should be.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Options {
 public:
  /// Splits `arguments` into options, each with its value in the next word, and
  /// at most one other word. Throws UsageError for an option not in `known`.
  Options(const std::vector<std::string>& arguments,
          std::span<const std::string_view> known);

  /// The option's value as a number of [low, high], `otherwise` if it isn't
  /// given. Throws UsageError.
  uint64_t Number(std::string_view option, uint64_t otherwise, uint64_t low,
                  uint64_t high) const;
  std::string Text(std::string_view option, std::string otherwise) const;

  /// The word that is no option.
  const std::optional<std::string>& Word() const { return word_; }

 private:
  std::map<std::string, std::string, std::less<>> values_;
  std::optional<std::string> word_;
};

}  // namespace ebbrt::memcached
