// The kernel command line of a back-end: `word word -- argument argument`.
//
// Words come as they are. Arguments are percent-encoded (RFC 3986 §2.1) so that
// a space only ever separates. QEMU's microvm appends its own words,
// `virtio_mmio.device=...`, behind everything else, so an argument that looks
// like one gets its first letter encoded: what a reader finds there unencoded
// is QEMU's.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace ebbrt::iaas {

// The longest command line taken, in bytes, without the words QEMU appends. An
// image cuts what it gets at 4095 (PlatformInfo::kMaxCommandLine).
inline constexpr size_t kMaxCommandLine = 4000;

// Encodes bytes up to 0x20, '%', '"' and from 0x7f up as %XX.
// Throws UserError for an empty argument or one with a NUL byte: neither can be
// expressed.
std::string EncodeArgument(std::string_view argument);

// The opposite; throws UserError on a '%' that two hexadecimal digits don't
// follow.
std::string DecodeArgument(std::string_view encoded);

// Joins the client's words, the daemon's words and the encoded arguments.
// Throws UserError when a client's word is empty, has bytes outside the
// printable ASCII range, is "--", is one of the daemon's own, or when the line
// would be longer than kMaxCommandLine.
std::string BuildCommandLine(const std::vector<std::string>& client_words,
                             const std::vector<std::string>& daemon_words,
                             const std::vector<std::string>& arguments);

}  // namespace ebbrt::iaas
