// The daemon: one socket, its connections, and the way it ends.
#pragma once

#include <capnp/rpc-twoparty.h>
#include <kj/async-io.h>

#include <map>
#include <optional>
#include <string>

#include "metrics_server.h"
#include "node_host.h"
#include "socket_lock.h"
#include "state_directory.h"

namespace ebbrt::iaas {

struct DaemonConfig {
  std::string socket;
  std::string state_directory;
  AcceleratorChoice accelerator = AcceleratorChoice::kAutomatic;
  HostLimits limits;
  std::string metrics;  // where to serve them (MetricsServer); "": nowhere
  // A socket that reads an end of file when the process that started this
  // private daemon is gone or done; nothing: serve until a signal.
  std::optional<int> lifetime_fd;
};

class Daemon : private kj::TaskSet::ErrorHandler {
 public:
  // Takes the socket's lock, cleans up after a crashed predecessor and listens.
  // SIGTERM and SIGINT must have been captured. Throws UserError.
  Daemon(kj::AsyncIoContext& io, const DaemonConfig& config);
  ~Daemon() noexcept;

  // Serves until SIGTERM, SIGINT or the end of a private daemon's starter, then
  // ends every node and removes every link and file.
  void Run(kj::WaitScope& scope);

 private:
  struct Connection;

  kj::Promise<void> AcceptLoop();
  void Accept(kj::Own<kj::AsyncIoStream> stream);
  kj::Promise<std::string> WhenToEnd();
  kj::Promise<void> WhenUnused();
  bool IsUsed() const;
  kj::Promise<void> StarterDone();
  void taskFailed(kj::Exception&& exception) override;

  kj::AsyncIoContext& io_;
  std::string socket_path_;
  SocketLock lock_;
  StateDirectory state_;
  NodeHost host_;
  kj::Own<kj::ConnectionReceiver> receiver_;
  std::optional<MetricsServer> metrics_;
  kj::Own<kj::AsyncIoStream> lifetime_;
  char lifetime_byte_ = 0;
  uint32_t last_connection_ = 0;
  std::map<uint32_t, kj::Own<Connection>> connections_;
  kj::Own<kj::PromiseFulfiller<void>> unused_;
  kj::TaskSet tasks_;
};

}  // namespace ebbrt::iaas
