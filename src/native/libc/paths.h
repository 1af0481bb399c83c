// Paths as the C functions take them, made those that the front-end is asked
// for.
#pragma once

#include <string>

namespace ebbrt::libc {

/// `path`, from the working directory if it has no slash in front. Throws
/// std::system_error: EFAULT, ENOENT for an empty one, ENOSYS without a
/// front-end.
std::string AbsolutePath(const char* path);

/// The same from the directory that a descriptor refers to, or AT_FDCWD.
std::string AbsolutePathAt(int directory, const char* path);

}  // namespace ebbrt::libc
