// StreamListener: a listening port of lwIP's.
#pragma once

#include "common/network_manager.h"
#include "common/ring_queue.h"
#include "lwip/tcp.h"
#include "native/network/deliverable.h"
#include "native/network/stack.h"
#include "native/network/tcp_stream.h"

namespace ebbrt::network {

/// The accepting side; the application's handle is PortListener. A peer whose
/// connection cannot be accepted for want of memory is reset; the port goes on
/// listening.
class Acceptor final : public Deliverable {
 public:
  /// Throws std::system_error (address_in_use), std::bad_alloc.
  Acceptor(Stack& stack, const Endpoint& local,
           NetworkManager::AcceptHandler accept);
  ~Acceptor() override;

  uint16_t Port() const { return port_; }
  /// Stops listening; connections not handed over yet are reset.
  void Stop();

  void Deliver() override;
  void DeliverFailed() override {
    if (!accepted_.Empty()) stack_.ReadySoon(*this);
  }

 private:
  static err_t OnAccept(void* self, tcp_pcb* pcb, err_t error);

  Stack& stack_;
  tcp_pcb* listening_ = nullptr;
  uint16_t port_ = 0;
  NetworkManager::AcceptHandler accept_;
  RingQueue<TcpStream::Pointer> accepted_;
};

class PortListener final : public TcpListener {
 public:
  PortListener(Stack& stack, boost::intrusive_ptr<Acceptor> acceptor)
      : stack_(stack), acceptor_(std::move(acceptor)) {}
  ~PortListener() override { acceptor_->Stop(); }
  Endpoint Local() const override {
    return {stack_.Address(), acceptor_->Port()};
  }

 private:
  Stack& stack_;
  boost::intrusive_ptr<Acceptor> acceptor_;
};

}  // namespace ebbrt::network
