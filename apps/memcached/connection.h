// Connection: one client. Batches the answers to what one receive brought, and
// stops listening to a client that does not read them.
#pragma once

#include <memory>
#include <system_error>

#include "apps/memcached/session.h"
#include "common/move_function.h"
#include "common/network_manager.h"
#include "common/timer.h"

namespace ebbrt::memcached {

/// Lives on its connection's core.
class Connection : public TcpConnection::Handler {
 public:
  /// `ended` is called once, as the last thing the connection does, and
  /// destroys it. `service` outlives it.
  Connection(std::unique_ptr<TcpConnection> tcp, Service& service,
             MoveFunction<void()> ended);
  ~Connection() override;

  void OnReceive(std::unique_ptr<IOBuf> data) override;
  void OnClosed(std::error_code error) override;
  void OnDrained() override;

 private:
  void Serve();
  void WaitForDrain();

  std::unique_ptr<TcpConnection> tcp_;
  Service& service_;
  MoveFunction<void()> ended_;
  std::unique_ptr<Session> session_;  // null before the first byte
  Timer patience_;                    // runs while answers wait for the client
};

}  // namespace ebbrt::memcached
