// NetworkManager over Linux sockets.
#include "common/network_manager.h"

#include <boost/asio/ip/tcp.hpp>
#include <system_error>
#include <utility>

#include "common/event_manager.h"
#include "common/timer.h"
#include "hosted/address.h"
#include "hosted/core.h"
#include "hosted/tcp_stream.h"
#include "hosted/udp_port.h"

namespace ebbrt {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using hosted::SocketConnection;

/// Throws what an operation on a listening socket failed with.
void Check(const boost::system::error_code& error, const std::string& what) {
  if (error) throw std::system_error(hosted::ToErrorCode(error), what);
}

/// The accepting side; lives on while an accept is under way.
class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(uint16_t port, NetworkManager::AcceptHandler accept)
      : acceptor_(hosted::Reactor()), accept_(std::move(accept)) {
    std::string what = "listen on port " + std::to_string(port);
    boost::system::error_code error;
    tcp protocol = hosted::OpenForBoth(acceptor_, error);
    Check(error, what);
    acceptor_.set_option(tcp::acceptor::reuse_address(true), error);
    Check(error, what);
    acceptor_.bind({protocol, port}, error);
    Check(error, what);
    acceptor_.listen(asio::socket_base::max_listen_connections, error);
    Check(error, what);
  }

  void Start() {
    acceptor_.async_accept(
        [self = shared_from_this()](const auto& error, tcp::socket socket) {
          if (!self->acceptor_.is_open()) return;
          event_manager->SpawnLocal(
              [self, error, socket = std::move(socket)]() mutable {
                self->Accepted(error, std::move(socket));
              });
        });
  }

  void Stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
  }

  Endpoint Local() const {
    return hosted::ToEndpoint(acceptor_.local_endpoint());
  }

 private:
  void Accepted(const boost::system::error_code& error, tcp::socket socket) {
    if (!acceptor_.is_open()) return;
    if (error) {
      // Out of descriptors, or a peer that gave up: neither ends a server. The
      // pause keeps the first from spinning.
      retry_.Start(std::chrono::milliseconds(10),
                   [self = shared_from_this()] { self->Start(); });
      return;
    }
    Start();
    accept_(std::make_unique<SocketConnection>(std::move(socket)));
  }

  tcp::acceptor acceptor_;
  NetworkManager::AcceptHandler accept_;
  Timer retry_;
};

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

  std::unique_ptr<TcpListener> Listen(uint16_t port,
                                      AcceptHandler accept) override {
    auto acceptor = std::make_shared<Acceptor>(port, std::move(accept));
    acceptor->Start();
    return std::make_unique<SocketListener>(std::move(acceptor));
  }

  Future<std::unique_ptr<TcpConnection>> Connect(Endpoint remote) override {
    struct Dial {
      tcp::socket socket{hosted::Reactor()};
      Promise<std::unique_ptr<TcpConnection>> promise;
    };
    auto dial = std::make_unique<Dial>();
    auto future = dial->promise.GetFuture();
    tcp::socket& socket = dial->socket;
    tcp::endpoint endpoint(hosted::ToAsio(remote.address), remote.port);
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

  std::unique_ptr<UdpSocket> BindUdp(uint16_t port,
                                     DatagramHandler receive) override {
    auto bound = std::make_shared<hosted::UdpPort>(port, std::move(receive));
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

}  // namespace ebbrt
