// Base64 (RFC 4648 §4) for keys of the meta commands that are no text.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ebbrt::memcached {

/// With padding.
std::string EncodeBase64(std::string_view bytes);

/// std::nullopt for what isn't whole groups of four of its letters, the last of
/// them padded.
std::optional<std::string> DecodeBase64(std::string_view text);

}  // namespace ebbrt::memcached
