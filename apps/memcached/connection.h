// Connection: one client. Batches the answers to what one receive brought, and
// stops listening to a client that does not read them.
#pragma once

#include <memory>
#include <system_error>

#include "apps/memcached/binary_session.h"
#include "common/move_function.h"
#include "common/network_manager.h"

namespace ebbrt::memcached {

/// Lives on its connection's core.
class Connection : public TcpConnection::Handler {
 public:
  /// `ended` is called once, as the last thing the connection does, and
  /// destroys it.
  Connection(std::unique_ptr<TcpConnection> tcp, Store& store,
             MoveFunction<void()> ended);

  void OnReceive(std::unique_ptr<IOBuf> data) override;
  void OnClosed(std::error_code error) override;
  void OnDrained() override;

 private:
  void Serve();

  std::unique_ptr<TcpConnection> tcp_;
  MoveFunction<void()> ended_;
  BinarySession session_;
  bool waits_for_drain_ = false;
};

}  // namespace ebbrt::memcached
