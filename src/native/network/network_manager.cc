// NetworkManager over our own stack.
#include "common/network_manager.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "common/concat.h"
#include "common/runtime.h"
#include "native/network/find_device.h"
#include "native/network/stack.h"
#include "native/network/tcp_listener.h"
#include "native/network/tcp_stream.h"
#include "native/network/udp_port.h"
#include "native/virtio/net_options.h"
#include "platform/core.h"
#include "platform/log.h"

namespace ebbrt {
namespace {

using network::Stack;

/// The core that has the stack, for now.
constexpr CoreId kNetworkCore = 0;

std::unique_ptr<Stack> MakeStack() {
  const BootArguments& boot = runtime::Boot();
#if !LWIP_IPV6
  if (boot.ip6 || boot.gateway6) {
    throw BadBootArgument(
        "ebbrt.ip6 and ebbrt.gateway6 are for images with IPv6; this one was "
        "made without (ebbrt_image: IPV4_ONLY)");
  }
#endif
  uint64_t wanted = virtio::WantedNetFeatures(boot.net_features);
  auto stack =
      std::make_unique<Stack>(network::FindNetworkDevice(), wanted,
                              network::AddressPlan{boot.network, boot.gateway,
                                                   boot.ip6, boot.gateway6});
  if (stack->Link() != nullptr && !boot.quiet) {
    auto& device = stack->Link()->Device();
    platform::WriteConsole(
        Concat({"ebbrt: network on ", device.Name(), ": ",
                virtio::NetFeatureNames(device.Features()), "\n"}));
  }
  return stack;
}

class StackNetworkManager : public NetworkManager {
 public:
  StackNetworkManager() : stack_(MakeStack()) {}

  Future<> Up() override { return stack_->Up(); }

  Ipv4Address Address() const override { return stack_->Address(); }

  std::vector<IpAddress> Addresses() const override {
    return stack_->Addresses();
  }

  std::unique_ptr<TcpListener> Listen(Endpoint local,
                                      AcceptHandler accept) override {
    boost::intrusive_ptr acceptor(
        new network::Acceptor(*stack_, local, std::move(accept)));
    return std::make_unique<network::PortListener>(*stack_,
                                                   std::move(acceptor));
  }

  Future<std::unique_ptr<TcpConnection>> Connect(Endpoint remote,
                                                 Endpoint local) override {
    using Connection = std::unique_ptr<TcpConnection>;
    try {
      return network::TcpStream::Connect(*stack_, remote, local);
    } catch (...) {
      return MakeFailedFuture<Connection>(std::current_exception());
    }
  }

  std::unique_ptr<UdpSocket> BindUdp(Endpoint local,
                                     DatagramHandler receive) override {
    boost::intrusive_ptr bound(
        new network::UdpPort(*stack_, local, std::move(receive)));
    return std::make_unique<network::PortSocket>(*stack_, std::move(bound));
  }

 private:
  std::unique_ptr<Stack> stack_;
};

}  // namespace

NetworkManager& NetworkManager::HandleFault(EbbId id) {
  CoreId core = platform::CurrentCore();
  if (core != kNetworkCore) {
    throw std::runtime_error(
        Concat({"the network is served by core 0 only, and was "
                "called on core ",
                core, "; spawn the call there (SpawnRemote)"}));
  }
  static auto* manager = new StackNetworkManager;  // lives as long as the node
  CacheRep(id, manager);
  return *manager;
}

}  // namespace ebbrt
