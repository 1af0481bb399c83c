// Acceptor: a listening TCP socket that gives each connection away, on one
// core.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "common/endpoint.h"
#include "common/move_function.h"
#include "common/timer.h"

namespace ebbrt::hosted {

/// Lives on while an accept is under way.
class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  using Handler = MoveFunction<void(boost::asio::ip::tcp::socket)>;

  /// Listens at `at`; "::" means all addresses of both protocols, port 0 a free
  /// one. `accept` runs in an event. Throws std::system_error that names the
  /// endpoint.
  Acceptor(Endpoint at, Handler accept);

  void Start();
  void Stop();
  Endpoint Local() const;

 private:
  void Open(const Endpoint& at, boost::system::error_code& error);
  void Accepted(const boost::system::error_code& error,
                boost::asio::ip::tcp::socket socket);

  boost::asio::ip::tcp::acceptor acceptor_;
  Handler accept_;
  Timer retry_;
};

}  // namespace ebbrt::hosted
