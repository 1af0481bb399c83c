// Options: the command-line words that server and front-end take, written as
// memcached takes its own: "-m 64", "-m64", "-vv".
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

/// A word that makes no sense; what() names it and what it should be.
class UsageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Options {
 public:
  enum class Kind { kValue, kFlag };
  struct Known {
    std::string_view name;
    Kind kind = Kind::kValue;
  };

  /// Splits `arguments` into options and at most one other word. Throws
  /// UsageError for an option not in `known`, or one without its value.
  Options(const std::vector<std::string>& arguments,
          std::span<const Known> known);

  /// The option's value as a number of [low, high], `otherwise` if it isn't
  /// given. Throws UsageError.
  uint64_t Number(std::string_view option, uint64_t otherwise, uint64_t low,
                  uint64_t high) const;
  /// As Number, with "k" or "m" behind it for KiB and MiB; in bytes.
  uint64_t Size(std::string_view option, uint64_t otherwise, uint64_t low,
                uint64_t high) const;
  std::string Text(std::string_view option, std::string otherwise) const;
  /// How often a flag is given.
  unsigned Count(std::string_view flag) const;

  /// The word that is no option.
  const std::optional<std::string>& Word() const { return word_; }

 private:
  uint64_t Checked(std::string_view option, uint64_t unit, uint64_t low,
                   uint64_t high, std::string_view wanted) const;

  std::map<std::string, std::string, std::less<>> values_;
  std::map<std::string, unsigned, std::less<>> flags_;
  std::optional<std::string> word_;
};

}  // namespace ebbrt::memcached
