// Numbers in the text protocol, as strtol and strtoul read them for memcached.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "common/digits.h"

namespace ebbrt::memcached {

/// The digits of 2^64 - 1.
inline constexpr size_t kLongestNumber = 20;

/// A decimal number up to `limit`, with or without a plus; around it there may
/// be white space, behind that anything.
inline std::optional<uint64_t> ParseUnsigned(
    std::string_view text,
    uint64_t limit = std::numeric_limits<uint64_t>::max()) {
  constexpr std::string_view kSpace = " \t\n\v\f\r";
  auto is_space = [&] {
    return !text.empty() && kSpace.find(text[0]) != kSpace.npos;
  };
  while (is_space()) text.remove_prefix(1);
  if (text.starts_with('+')) text.remove_prefix(1);
  auto number = TakeNumber(text, limit);
  if (!number || (!text.empty() && !is_space())) return std::nullopt;
  return number;
}

/// A decimal number of 63 bits with or without a sign.
inline std::optional<int64_t> ParseSigned(std::string_view text) {
  bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  if (negative && text.starts_with('+')) return std::nullopt;
  auto number = ParseUnsigned(text, std::numeric_limits<int64_t>::max());
  if (!number) return std::nullopt;
  auto value = static_cast<int64_t>(*number);
  return negative ? -value : value;
}

}  // namespace ebbrt::memcached
