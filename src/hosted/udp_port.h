// UdpPort: a bound UDP socket on a core's reactor.
#pragma once

#include <array>
#include <boost/asio/ip/udp.hpp>
#include <cstddef>
#include <memory>

#include "common/network_manager.h"
#include "common/timer.h"

namespace ebbrt::hosted {

/// Lives on while a receive is under way or its handler runs; the application's
/// handle is UdpHandle. All on the core that made it.
class UdpPort : public std::enable_shared_from_this<UdpPort> {
 public:
  /// Throws std::system_error.
  UdpPort(Endpoint local, NetworkManager::DatagramHandler receive);

  /// Waits for the next datagram; the kernel's buffer is the queue.
  void Receive();
  void SendTo(Endpoint to, std::unique_ptr<IOBuf> data);
  Endpoint Local() const;
  void Close();

 private:
  void Received(const boost::system::error_code& error, size_t bytes);

  boost::asio::ip::udp::socket socket_;
  bool v6_ = false;  // the socket serves both protocols
  NetworkManager::DatagramHandler receive_;
  boost::asio::ip::udp::endpoint from_;
  Timer retry_;
  std::array<std::byte, UINT16_MAX> buffer_;
};

class UdpHandle final : public UdpSocket {
 public:
  explicit UdpHandle(std::shared_ptr<UdpPort> port) : port_(std::move(port)) {}
  ~UdpHandle() override { port_->Close(); }
  void SendTo(Endpoint to, std::unique_ptr<IOBuf> data) override {
    port_->SendTo(to, std::move(data));
  }
  Endpoint Local() const override { return port_->Local(); }

 private:
  std::shared_ptr<UdpPort> port_;
};

}  // namespace ebbrt::hosted
