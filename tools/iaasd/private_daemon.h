// Finding, starting and outliving a daemon; the client's side of it.
#pragma once

#include <kj/io.h>
#include <sys/types.h>

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "client.h"

namespace ebbrt::iaas {

// A daemon that this process started. Destroying it tells the daemon that its
// starter is done, and waits for its end, up to 3 s, unless it stays for
// others.
class PrivateDaemon {
 public:
  // Starts the daemon and waits until it serves. Nothing if another daemon has
  // the socket. Throws Error with what the daemon said.
  static std::shared_ptr<PrivateDaemon> Start(const DaemonOptions& options);
  // The one this process started at that socket and still holds, or null.
  static std::shared_ptr<PrivateDaemon> Find(const std::string& socket);

  PrivateDaemon(pid_t pid, kj::AutoCloseFd lifetime)
      : pid_(pid), lifetime_(kj::mv(lifetime)) {}
  ~PrivateDaemon();

 private:
  pid_t pid_;
  kj::AutoCloseFd lifetime_;
};

// Connects to the socket, for at most `timeout`. Nothing if nobody listens.
// Throws Error when who listens is neither root nor this user, or when the
// socket can't be reached for another reason than that nobody listens.
std::optional<kj::AutoCloseFd> ConnectTo(const std::string& socket,
                                         std::chrono::milliseconds timeout);

}  // namespace ebbrt::iaas
