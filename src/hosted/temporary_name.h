// Names that nobody has yet, for temporary files and directories.
#pragma once

#include <string>
#include <string_view>
#include <system_error>

#include "common/move_function.h"

namespace ebbrt::hosted {

/// Calls make(path) with `pattern` and random letters for the XXXXXX at its
/// end, with others as long as it throws EEXIST; gives the path it succeeded
/// with. Throws std::system_error: EINVAL if `pattern` doesn't end so, what
/// `make` throws, EEXIST after 100 attempts.
std::string MakeTemporary(std::string_view pattern,
                          MoveFunction<void(const std::string&)> make);

}  // namespace ebbrt::hosted
