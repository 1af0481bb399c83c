// NetworkManager over our own stack.
#include "common/network_manager.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "common/concat.h"
#include "common/runtime.h"
#include "native/network/find_device.h"
#include "native/network/stack_network_manager.h"
#include "native/network/tcp_listener.h"
#include "native/network/tcp_stream.h"
#include "native/network/udp_port.h"
#include "native/virtio/net_layout.h"
#include "native/virtio/net_options.h"
#include "platform/core.h"
#include "platform/log.h"

namespace ebbrt::network {

std::unique_ptr<Stack> BootStack(void (*prepare)(Stack&)) {
  const BootArguments& boot = runtime::Boot();
#if !LWIP_IPV6
  if (boot.ip6 || boot.gateway6) {
    throw BadBootArgument(
        "ebbrt.ip6 and ebbrt.gateway6 are for images with IPv6; this one was "
        "made without (ebbrt_image: IPV4_ONLY)");
  }
#endif
  uint64_t wanted = virtio::WantedNetFeatures(boot.net_features);
  if (prepare == nullptr) {
    wanted &= ~(virtio::net_feature::kMultiqueue |
                virtio::net_feature::kControlQueue);
  }
  auto stack = std::make_unique<Stack>(FindNetworkDevice(), wanted);
  if (prepare != nullptr) prepare(*stack);
  stack->Start({boot.network, boot.gateway, boot.ip6, boot.gateway6});
  if (stack->Link() != nullptr && !boot.quiet) {
    auto& device = stack->Link()->Device();
    platform::WriteConsole(
        Concat({"ebbrt: network on ", device.Name(), ": ",
                virtio::NetFeatureNames(device.Features()), "\n"}));
  }
  return stack;
}

std::unique_ptr<TcpListener> StackNetworkManager::Listen(Endpoint local,
                                                         AcceptHandler accept) {
  boost::intrusive_ptr acceptor(
      new Acceptor(*stack_, local, std::move(accept)));
  return std::make_unique<PortListener>(*stack_, std::move(acceptor));
}

Future<std::unique_ptr<TcpConnection>> StackNetworkManager::Connect(
    Endpoint remote, Endpoint local) {
  using Connection = std::unique_ptr<TcpConnection>;
  try {
    return TcpStream::Connect(*stack_, remote, local);
  } catch (...) {
    return MakeFailedFuture<Connection>(std::current_exception());
  }
}

std::unique_ptr<UdpSocket> StackNetworkManager::BindUdp(
    Endpoint local, DatagramHandler receive) {
  boost::intrusive_ptr bound(new UdpPort(*stack_, local, std::move(receive)));
  return std::make_unique<PortSocket>(*stack_, std::move(bound));
}

}  // namespace ebbrt::network

namespace ebbrt {
namespace {

/// The core that has the stack, where there is one.
constexpr CoreId kNetworkCore = 0;

NetworkManager& ManagerOfCore0() {
  CoreId core = platform::CurrentCore();
  if (core != kNetworkCore) {
    throw std::runtime_error(
        Concat({"the network is served by core 0 only, and was "
                "called on core ",
                core, "; spawn the call there (SpawnRemote)"}));
  }
  static auto* manager = new network::StackNetworkManager(
      network::BootStack(nullptr));  // lives as long as the node
  return *manager;
}

}  // namespace

NetworkManager& NetworkManager::HandleFault(EbbId id) {
  NetworkManager* manager = nullptr;
  if (network::FindManagerOfThisCore != nullptr) {
    manager = network::FindManagerOfThisCore();
  }
  if (manager == nullptr) manager = &ManagerOfCore0();
  CacheRep(id, manager);
  return *manager;
}

}  // namespace ebbrt
