// StackNetworkManager: NetworkManager over a stack of our own, as a core's
// representative; and how the boot arguments want the stack.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "common/network_manager.h"
#include "native/network/stack.h"

namespace ebbrt::network {

/// On its stack's core, in events.
class StackNetworkManager : public NetworkManager {
 public:
  explicit StackNetworkManager(std::unique_ptr<Stack> stack)
      : stack_(std::move(stack)) {}

  Stack& GetStack() { return *stack_; }

  Future<> Up() override { return stack_->Up(); }
  Ipv4Address Address() const override { return stack_->Address(); }
  std::vector<IpAddress> Addresses() const override {
    return stack_->Addresses();
  }
  std::unique_ptr<TcpListener> Listen(Endpoint local,
                                      AcceptHandler accept) override;
  Future<std::unique_ptr<TcpConnection>> Connect(Endpoint remote,
                                                 Endpoint local) override;
  std::unique_ptr<UdpSocket> BindUdp(Endpoint local,
                                     DatagramHandler receive) override;

 private:
  std::unique_ptr<Stack> stack_;
};

/// Starts a stack on this core with the machine's device, if it has one, as the
/// boot arguments want it, and says on the console what that is. `prepare`, if
/// it isn't null, is called before the device begins and may ask for more of
/// it; without, it is used with one pair of queues. Throws BadBootArgument.
std::unique_ptr<Stack> BootStack(void (*prepare)(Stack&));

/// Several cores' representatives, in images that call ListenOnAllCores
/// (all_cores/all_cores.cc); else there is no such function. Null: one stack is
/// enough, on core 0.
[[gnu::weak]] NetworkManager* FindManagerOfThisCore();

}  // namespace ebbrt::network
