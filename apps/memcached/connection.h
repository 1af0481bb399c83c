// Connection: one client. Batches the answers to what one receive brought, and
// stops listening to a client that does not read them.
#pragma once

#include <cstdint>
#include <memory>
#include <system_error>

#include "apps/memcached/session.h"
#include "common/move_function.h"
#include "common/network_manager.h"

namespace ebbrt::memcached {

/// Lives on its connection's core, on lines of its own.
class alignas(64) Connection : public TcpConnection::Handler {
 public:
  /// `ended` is called once, as the last thing the connection does, and
  /// destroys it. `service` outlives it.
  Connection(std::unique_ptr<TcpConnection> tcp, Service& service,
             MoveFunction<void()> ended);
  ~Connection() override;

  void OnReceive(std::unique_ptr<IOBuf> data) override;
  void OnClosed(std::error_code error) override;
  void OnDrained() override;

  /// Called once a second. A client that takes nothing of its answers for as
  /// many seconds as the server has patience is given up.
  void Tick();

 private:
  enum class State {
    kServing,
    kFull,    ///< requests wait until answers have been sent
    kEnding,  ///< no more requests; ends when all answers have been sent
  };

  bool Serve();
  bool EndWhenSent();
  void End();
  void GiveUp();

  std::unique_ptr<TcpConnection> tcp_;
  Service& service_;
  ConnectionCounters& counters_;  // of the connection's core
  MoveFunction<void()> ended_;
  std::unique_ptr<Session> session_;  // null before the first byte
  State state_ = State::kServing;
  uint64_t sent_ = 0;   // bytes of answers
  uint64_t taken_ = 0;  // of which the client had so many at the last tick
  unsigned quiet_ticks_ = 0;  // since it last took some
};

}  // namespace ebbrt::memcached
