#include "native/network/tcp_listener.h"

#include <new>
#include <string>
#include <system_error>
#include <utility>

#include "common/concat.h"
#include "lwip/ip.h"

namespace ebbrt::network {
namespace {

void Check(err_t error, uint16_t port) {
  if (error != ERR_OK) {
    throw std::system_error(ToErrorCode(error, false),
                            Concat({"listen on port ", port}));
  }
}

}  // namespace

Acceptor::Acceptor(Stack& stack, const Endpoint& local,
                   NetworkManager::AcceptHandler accept)
    : stack_(stack), accept_(std::move(accept)) {
  tcp_pcb* pcb = tcp_new_ip_type(IPADDR_TYPE_ANY);
  if (pcb == nullptr) throw std::bad_alloc();
  ip_set_option(pcb, SOF_REUSEADDR);
  ip_addr_t address = stack.ToBind(local.address);
  err_t error = tcp_bind(pcb, &address, local.port);
  if (error == ERR_OK) {
    listening_ = tcp_listen_with_backlog_and_err(
        pcb, TCP_DEFAULT_LISTEN_BACKLOG, &error);
  }
  if (listening_ == nullptr) {
    tcp_abort(pcb);
    Check(error, local.port);
  }
  port_ = listening_->local_port;
  tcp_arg(listening_, this);
  tcp_accept(listening_, &OnAccept);
}

Acceptor::~Acceptor() { Stop(); }

void Acceptor::Stop() {
  if (listening_ == nullptr) return;
  tcp_arg(listening_, nullptr);
  tcp_accept(listening_, nullptr);
  tcp_close(std::exchange(listening_, nullptr));
  while (!accepted_.Empty()) accepted_.Pop()->Abort();
}

err_t Acceptor::OnAccept(void* self, tcp_pcb* pcb, err_t error) {
  auto* acceptor = static_cast<Acceptor*>(self);
  // lwIP also tells of connections that it had no memory for.
  if (acceptor == nullptr || pcb == nullptr || error != ERR_OK) {
    return ERR_VAL;
  }
  try {
    TcpStream::Pointer stream(new TcpStream(acceptor->stack_, pcb));
    acceptor->accepted_.Push(std::move(stream));
  } catch (const std::bad_alloc&) {
    return ERR_MEM;  // lwIP resets it
  }
  acceptor->stack_.Ready(*acceptor);
  return ERR_OK;
}

void Acceptor::Deliver() {
  while (listening_ != nullptr && !accepted_.Empty()) {
    accept_(std::make_unique<StreamConnection>(accepted_.Pop()));
  }
}

}  // namespace ebbrt::network
