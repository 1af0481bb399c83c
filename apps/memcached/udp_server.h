// UdpServer: requests in datagrams (memcached's protocol.txt, "UDP protocol").
//
// Each datagram begins with 8 bytes: the request's id, which the answer
// repeats, the datagram's number, how many there are, and two of nothing; all
// big-endian. A request is one datagram; an answer may be several.
#pragma once

#include <cstdint>
#include <memory>

#include "apps/memcached/service.h"
#include "common/network_manager.h"

namespace ebbrt::memcached {

class UdpServer {
 public:
  /// Serves `port` of all addresses. Throws std::system_error, as
  /// NetworkManager::BindUdp does. `service` outlives it.
  UdpServer(uint16_t port, Service& service);

  uint16_t Port() const { return socket_->Local().port; }

 private:
  void Answer(Endpoint from, std::unique_ptr<IOBuf> datagram);
  void Send(Endpoint to, uint16_t id, std::unique_ptr<IOBuf> answer);

  Service& service_;
  std::unique_ptr<UdpSocket> socket_;
};

}  // namespace ebbrt::memcached
