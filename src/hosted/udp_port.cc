#include "hosted/udp_port.h"

#include <boost/asio/buffer.hpp>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/event_manager.h"
#include "hosted/core.h"
#include "hosted/tcp_stream.h"

namespace ebbrt::hosted {
namespace {

namespace asio = boost::asio;
using asio::ip::udp;

void Check(const boost::system::error_code& error, uint16_t port) {
  if (!error) return;
  throw std::system_error(ToErrorCode(error),
                          "bind UDP port " + std::to_string(port));
}

}  // namespace

UdpPort::UdpPort(uint16_t port, NetworkManager::DatagramHandler receive)
    : socket_(Reactor()), receive_(std::move(receive)) {
  boost::system::error_code error;
  socket_.open(udp::v4(), error);
  Check(error, port);
  socket_.bind({udp::v4(), port}, error);
  Check(error, port);
  socket_.non_blocking(true, error);
  Check(error, port);
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
  // Errors are of datagrams that were sent (nobody listens there): lost, as
  // datagrams may be.
  if (error) return Receive();
  Endpoint from{{from_.address().to_v4().to_uint()}, from_.port()};
  std::unique_ptr<IOBuf> data;
  if (bytes > 0) data = IOBuf::Copy(std::span(buffer_).first(bytes));
  try {
    receive_(from, std::move(data));
  } catch (...) {
    Receive();
    throw;  // reported as every event's
  }
  Receive();
}

void UdpPort::SendTo(Endpoint to, std::unique_ptr<IOBuf> data) {
  size_t size = data == nullptr ? 0 : data->ChainLength();
  if (size > UdpSocket::kMaxPayload) {
    throw std::system_error(std::make_error_code(std::errc::message_size),
                            "a datagram of " + std::to_string(size) + " bytes");
  }
  std::vector<asio::const_buffer> pieces;
  if (const IOBuf* piece = data.get()) {
    do {
      pieces.emplace_back(piece->Data(), piece->Length());
      piece = piece->Next();
    } while (piece != data.get());
  }
  boost::system::error_code lost;
  socket_.send_to(pieces, {asio::ip::address_v4(to.address.value), to.port}, 0,
                  lost);
}

Endpoint UdpPort::Local() const {
  boost::system::error_code ignored;
  auto local = socket_.local_endpoint(ignored);
  return {{local.address().to_v4().to_uint()}, local.port()};
}

void UdpPort::Close() {
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace ebbrt::hosted
