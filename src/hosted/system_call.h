// Linux's system calls in C++: what fails throws.
#pragma once

#include <cerrno>
#include <system_error>

namespace ebbrt::hosted {

/// Throws std::system_error.
[[noreturn]] inline void ThrowErrno(int error) {
  throw std::system_error(error, std::generic_category());
}

/// The result of a system call that can fail; throws std::system_error.
template <typename R>
R OrThrow(R result) {
  if (result < 0) ThrowErrno(errno);
  return result;
}

}  // namespace ebbrt::hosted
