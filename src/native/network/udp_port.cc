#include "native/network/udp_port.h"

#include <new>
#include <system_error>
#include <utility>

#include "common/concat.h"
#include "native/network/address.h"
#include "native/network/frame_buffers.h"
#include "native/network/tcp_stream.h"

namespace ebbrt::network {

UdpPort::UdpPort(Stack& stack, const Endpoint& local,
                 NetworkManager::DatagramHandler receive)
    : stack_(stack), receive_(std::move(receive)) {
  udp_pcb* pcb = udp_new_ip_type(IPADDR_TYPE_ANY);
  if (pcb == nullptr) throw std::bad_alloc();
  ip_addr_t address = stack.ToBind(local.address);
  err_t error = udp_bind(pcb, &address, local.port);
  if (error != ERR_OK) {
    udp_remove(pcb);
    throw std::system_error(ToErrorCode(error, false),
                            Concat({"bind UDP port ", local.port}));
  }
  pcb_ = pcb;
  port_ = pcb->local_port;
  udp_recv(pcb, &OnReceived, this);
}

UdpPort::~UdpPort() { Close(); }

void UdpPort::Close() {
  if (pcb_ != nullptr) udp_remove(std::exchange(pcb_, nullptr));
  while (!waiting_.Empty()) waiting_.Pop();
}

/// Inside lwIP, which exceptions don't pass: what there is no memory for is
/// lost.
void UdpPort::OnReceived(void* self, udp_pcb*, pbuf* data,
                         const ip_addr_t* from, u16_t port) {
  auto* to = static_cast<UdpPort*>(self);
  const size_t size = data->tot_len;
  if (to->waiting_.Size() >= kQueueLimit ||
      to->waiting_bytes_ + size > kQueueBytes) {
    pbuf_free(data);
    return;
  }
  Datagram datagram{{FromLwip(*from), port}, nullptr};
  try {
    datagram.data = TakeFromPbufs(data);
  } catch (const std::bad_alloc&) {
    pbuf_free(data);
    return;
  }
  try {
    to->waiting_.Push(std::move(datagram));
  } catch (const std::bad_alloc&) {
    return;
  }
  to->waiting_bytes_ += size;
  to->stack_.Ready(*to);
}

void UdpPort::Deliver() {
  // A handler that blocks is not overtaken: its own loop goes on later.
  if (std::exchange(delivering_, true)) return;
  try {
    while (!waiting_.Empty()) {
      Datagram datagram = waiting_.Pop();
      if (datagram.data) waiting_bytes_ -= datagram.data->ChainLength();
      receive_(datagram.from, std::move(datagram.data));
    }
  } catch (...) {
    delivering_ = false;
    throw;
  }
  delivering_ = false;
}

void UdpPort::DeliverFailed() {
  if (!waiting_.Empty()) stack_.ReadySoon(*this);
}

void UdpPort::SendTo(Endpoint to, std::unique_ptr<IOBuf> data) {
  size_t size = data == nullptr ? 0 : data->ChainLength();
  if (size > UdpSocket::MaxPayload(to.address)) {
    throw std::system_error(std::make_error_code(std::errc::message_size),
                            Concat({"a datagram of ", size, " bytes"}));
  }
  if (pcb_ == nullptr) return;
  ip_addr_t address = stack_.ToLwip(to.address);
  pbuf* p = size == 0 ? pbuf_alloc(PBUF_TRANSPORT, 0, PBUF_RAM)
                      : WrapInPbufs(std::move(data));
  if (p == nullptr) return;
  (void)udp_sendto(pcb_, p, &address, to.port);  // it may get lost
  pbuf_free(p);
}

}  // namespace ebbrt::network
