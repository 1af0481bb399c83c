// What both halves of the text protocol, the classic commands and the meta
// commands, say and read alike.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "apps/memcached/number.h"

namespace ebbrt::memcached {

inline constexpr std::string_view kBadFormat =
    "CLIENT_ERROR bad command line format";
inline constexpr std::string_view kNotNumeric =
    "CLIENT_ERROR cannot increment or decrement non-numeric value";
inline constexpr std::string_view kTooLarge =
    "SERVER_ERROR object too large for cache";
inline constexpr std::string_view kNoMemory =
    "SERVER_ERROR out of memory storing object";
inline constexpr std::string_view kNoMemoryToCount =
    "SERVER_ERROR out of memory";

/// Ends lines and values.
inline constexpr std::string_view kLineEnd = "\r\n";

/// The length of the value that follows a line, bytes. memcached reads it as
/// int and adds the line's end.
inline std::optional<uint64_t> ParseLength(std::string_view word) {
  constexpr int64_t kLongest =
      std::numeric_limits<int32_t>::max() - int64_t(kLineEnd.size());
  auto length = ParseSigned(word);
  if (!length || *length < 0 || *length > kLongest) return std::nullopt;
  return static_cast<uint64_t>(*length);
}

}  // namespace ebbrt::memcached
