#include "hosted/udp_port.h"

#include <boost/asio/buffer.hpp>
#include <chrono>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "common/event_manager.h"
#include "hosted/address.h"
#include "hosted/core.h"
#include "hosted/tcp_stream.h"

namespace ebbrt::hosted {
namespace {

namespace asio = boost::asio;
using asio::ip::udp;

void Check(const boost::system::error_code& error, const Endpoint& local) {
  if (!error) return;
  throw std::system_error(
      ToErrorCode(error),
      local.address == IpAddress()
          ? "bind UDP port " + std::to_string(local.port)
          : "bind " + local.ToString() + " for UDP");
}

}  // namespace

UdpPort::UdpPort(Endpoint local, NetworkManager::DatagramHandler receive)
    : socket_(Reactor()), receive_(std::move(receive)) {
  boost::system::error_code error;
  udp::endpoint at(ToAsio(local.address), local.port);
  if (local.address == IpAddress()) {
    at = {OpenForBoth(socket_, error), local.port};
  } else {
    socket_.open(at.protocol(), error);
  }
  Check(error, local);
  v6_ = at.protocol() == udp::v6();
  socket_.bind(at, error);
  Check(error, local);
  socket_.non_blocking(true, error);
  Check(error, local);
}

void UdpPort::Receive() {
  if (!socket_.is_open()) return;
  socket_.async_receive_from(
      asio::buffer(buffer_), from_,
      [self = shared_from_this()](const auto& error, size_t bytes) {
        if (!self->socket_.is_open()) return;
        event_manager->SpawnLocal(
            [self, error, bytes] { self->Received(error, bytes); });
      });
}

void UdpPort::Received(const boost::system::error_code& error, size_t bytes) {
  if (!socket_.is_open()) return;
  if (error) {
    // Of a datagram that was sent, to where nobody listens: lost, as datagrams
    // may be. Or the kernel's, which lasts: the pause keeps it from spinning.
    retry_.Start(std::chrono::milliseconds(10),
                 [self = shared_from_this()] { self->Receive(); });
    return;
  }
  Endpoint from = ToEndpoint(from_);
  try {
    std::unique_ptr<IOBuf> data;
    if (bytes > 0) data = IOBuf::Copy(std::span(buffer_).first(bytes));
    receive_(from, std::move(data));
  } catch (...) {
    Receive();
    throw;  // reported as every event's
  }
  Receive();
}

void UdpPort::SendTo(Endpoint to, std::unique_ptr<IOBuf> data) {
  size_t size = data == nullptr ? 0 : data->ChainLength();
  if (size > UdpSocket::MaxPayload(to.address)) {
    throw std::system_error(std::make_error_code(std::errc::message_size),
                            "a datagram of " + std::to_string(size) + " bytes");
  }
  if (data != nullptr)
    data = Coalesce(std::move(data));  // Asio takes 64 pieces
  asio::const_buffer bytes;
  if (data != nullptr) bytes = {data->Data(), data->Length()};
  boost::system::error_code lost;
  // A socket for both protocols takes IPv4's addresses as IPv6's.
  asio::ip::address address = ToAsio(to.address);
  if (v6_) address = asio::ip::address_v6(to.address.bytes, to.address.zone);
  socket_.send_to(bytes, {address, to.port}, 0, lost);
}

Endpoint UdpPort::Local() const {
  boost::system::error_code ignored;
  return ToEndpoint(socket_.local_endpoint(ignored));
}

void UdpPort::Close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace ebbrt::hosted
