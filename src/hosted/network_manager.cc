// NetworkManager over Linux sockets.
#include "common/network_manager.h"

#include <boost/asio/ip/tcp.hpp>
#include <system_error>
#include <utility>

#include "common/event_manager.h"
#include "common/listen_on_all_cores.h"
#include "hosted/acceptor.h"
#include "hosted/address.h"
#include "hosted/core.h"
#include "hosted/tcp_stream.h"
#include "hosted/udp_port.h"

namespace ebbrt {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using hosted::Acceptor;
using hosted::SocketConnection;

class SocketListener : public TcpListener {
 public:
  explicit SocketListener(std::shared_ptr<Acceptor> acceptor)
      : acceptor_(std::move(acceptor)) {}
  ~SocketListener() override { acceptor_->Stop(); }
  Endpoint Local() const override { return acceptor_->Local(); }

 private:
  std::shared_ptr<Acceptor> acceptor_;
};

class SocketNetworkManager : public NetworkManager {
 public:
  Future<> Up() override { return MakeReadyFuture(); }

  Ipv4Address Address() const override {
    return {asio::ip::address_v4::loopback().to_uint()};
  }

  std::vector<IpAddress> Addresses() const override {
    return hosted::InterfaceAddresses();
  }

  std::unique_ptr<TcpListener> Listen(Endpoint local,
                                      AcceptHandler accept) override {
    auto acceptor = std::make_shared<Acceptor>(
        local, [accept = std::move(accept)](tcp::socket socket) mutable {
          accept(std::make_unique<SocketConnection>(std::move(socket)));
        });
    acceptor->Start();
    return std::make_unique<SocketListener>(std::move(acceptor));
  }

  Future<std::unique_ptr<TcpConnection>> Connect(Endpoint remote,
                                                 Endpoint local) override {
    struct Dial {
      tcp::socket socket{hosted::Reactor()};
      Promise<std::unique_ptr<TcpConnection>> promise;
    };
    auto dial = std::make_unique<Dial>();
    auto future = dial->promise.GetFuture();
    tcp::socket& socket = dial->socket;
    tcp::endpoint endpoint(hosted::ToAsio(remote.address), remote.port);
    if (local != Endpoint{}) {
      boost::system::error_code error;
      socket.open(endpoint.protocol(), error);
      tcp::endpoint from(endpoint.protocol(), local.port);
      if (local.address != IpAddress()) from.address(hosted::ToAsio(local.address));
      if (!error) socket.set_option(tcp::socket::reuse_address(true), error);
      if (!error) socket.bind(from, error);
      if (error) {
        return MakeFailedFuture<std::unique_ptr<TcpConnection>>(
            std::make_exception_ptr(
                std::system_error(hosted::ToErrorCode(error),
                                  "connect from " + local.ToString())));
      }
    }
    socket.async_connect(endpoint, [dial = std::move(dial),
                                    remote](const auto& error) mutable {
      event_manager->SpawnLocal([dial = std::move(dial), remote,
                                 error]() mutable {
        if (error) {
          dial->promise.SetException(std::make_exception_ptr(std::system_error(
              hosted::ToErrorCode(error), "connect to " + remote.ToString())));
        } else {
          dial->promise.SetValue(
              std::make_unique<SocketConnection>(std::move(dial->socket)));
        }
      });
    });
    return future;
  }

  std::unique_ptr<UdpSocket> BindUdp(Endpoint local,
                                     DatagramHandler receive) override {
    auto bound = std::make_shared<hosted::UdpPort>(local, std::move(receive));
    bound->Receive();
    return std::make_unique<hosted::UdpHandle>(std::move(bound));
  }
};

}  // namespace

NetworkManager& NetworkManager::HandleFault(EbbId id) {
  static auto* manager = new SocketNetworkManager;  // lives as long as the node
  CacheRep(id, manager);
  return *manager;
}

std::unique_ptr<TcpListener> ListenOnAllCores(
    Endpoint local,
    const std::function<void(std::unique_ptr<TcpConnection>)>& accept) {
  return network_manager->Listen(local, accept);
}

size_t ListeningCores() { return 1; }

}  // namespace ebbrt
