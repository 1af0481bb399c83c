// The right to serve a socket's path.
#pragma once

#include <kj/io.h>

#include <string>

#include "credentials.h"
#include "user_error.h"

namespace ebbrt::iaas {

// Another daemon serves the path.
class AlreadyServed : public UserError {
 public:
  using UserError::UserError;
};

// Holds a lock file next to the socket; the kernel gives the lock up with the
// process, so a crashed daemon blocks nobody. Removes the file, and the
// directory if it made that, at its end.
class SocketLock {
 public:
  // Takes the lock. Makes the socket's directory if need be. Throws UserError
  // (AlreadyServed) naming the other daemon if one has it, or what else is in
  // the way.
  explicit SocketLock(const std::string& socket);
  ~SocketLock() noexcept;
  SocketLock(const SocketLock&) = delete;
  SocketLock& operator=(const SocketLock&) = delete;

 private:
  std::string path_;
  std::string made_directory_;  // "" if it was there
  kj::AutoCloseFd fd_;
};

// Binds and listens at `path`, taking the place of a socket that a crashed
// daemon left. Every user may connect to root's daemon, only its own user to
// another's; with `only`, that user alone and root. The holder of the path's
// SocketLock may call it. Throws UserError.
kj::AutoCloseFd ListenAt(const std::string& path,
                         const Credentials* only = nullptr);

}  // namespace ebbrt::iaas
