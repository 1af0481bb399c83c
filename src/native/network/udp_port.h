// UdpPort: a bound UDP port of lwIP's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/network_manager.h"
#include "common/ring_queue.h"
#include "lwip/udp.h"
#include "native/network/deliverable.h"
#include "native/network/stack.h"

namespace ebbrt::network {

/// The receiving side; the application's handle is PortSocket. What arrives is
/// the device's own buffer, what is sent leaves from where it lies.
class UdpPort final : public Deliverable {
 public:
  /// What waits for a handler that blocks; more is lost. Datagrams, and bytes.
  static constexpr size_t kQueueLimit = 512;
  static constexpr size_t kQueueBytes = 1 << 20;

  /// Throws std::system_error (address_in_use), std::bad_alloc.
  UdpPort(Stack& stack, const Endpoint& local,
          NetworkManager::DatagramHandler receive);
  ~UdpPort() override;

  void SendTo(Endpoint to, std::unique_ptr<IOBuf> data);
  uint16_t Port() const { return port_; }
  /// Frees the port; what waits is dropped.
  void Close();

  void Deliver() override;
  void DeliverFailed() override;

 private:
  struct Datagram {
    Endpoint from;
    std::unique_ptr<IOBuf> data;
  };

  static void OnReceived(void* self, udp_pcb* pcb, pbuf* data,
                         const ip_addr_t* from, u16_t port);

  Stack& stack_;
  udp_pcb* pcb_ = nullptr;
  uint16_t port_ = 0;
  NetworkManager::DatagramHandler receive_;
  RingQueue<Datagram> waiting_;
  size_t waiting_bytes_ = 0;
  bool delivering_ = false;
};

class PortSocket final : public UdpSocket {
 public:
  PortSocket(Stack& stack, boost::intrusive_ptr<UdpPort> port)
      : stack_(stack), port_(std::move(port)) {}
  ~PortSocket() override { port_->Close(); }
  void SendTo(Endpoint to, std::unique_ptr<IOBuf> data) override {
    port_->SendTo(to, std::move(data));
  }
  Endpoint Local() const override { return {stack_.Address(), port_->Port()}; }

 private:
  Stack& stack_;
  boost::intrusive_ptr<UdpPort> port_;
};

}  // namespace ebbrt::network
