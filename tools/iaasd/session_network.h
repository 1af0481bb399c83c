// A session's private network and its nodes' places in it.
#pragma once

#include <kj/io.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "address_pool.h"
#include "client.h"
#include "qemu_command.h"
#include "state_directory.h"

namespace ebbrt::iaas {

// One node's place in a network. Gives the address, and the tap, back when it
// is destroyed: do that once the node's QEMU has ended.
class NodeNetwork {
 public:
  virtual ~NodeNetwork() = default;

  // What QEMU is told. The descriptors stay owned by this object, which may
  // close them by CloseFds() when QEMU has inherited them.
  QemuNetwork plan;
  Ipv4 address = 0;
  Ipv4 gateway = 0;
  uint8_t prefix = 0;

  std::vector<int> Fds() const;
  void CloseFds() { fds_.clear(); }

 protected:
  std::vector<kj::AutoCloseFd> fds_;
};

// A network. Destroying it removes it from the host; NodeNetworks may outlive
// it.
class Network {
 public:
  virtual ~Network() = default;

  const SessionNetwork& Info() const { return info_; }
  // A place for node number `node`. Throws UserError for what the request or
  // this kind of network doesn't allow, std::system_error for what the kernel
  // doesn't.
  virtual std::unique_ptr<NodeNetwork> Attach(uint32_t node,
                                              const NodeSpec& spec,
                                              AcceleratorKind accelerator) = 0;

 protected:
  SessionNetwork info_;
};

// What this process may do here.
struct NetworkAbility {
  NetworkKind kind = NetworkKind::kBridge;  // kBridge or kUserNetworking
  std::string reason;
};
NetworkAbility ProbeNetworkAbility();

// Makes a network of the kind asked for: kAutomatic means a bridge, or user
// networking when that can't be. Records bridges and taps in `state`, which
// must outlive them. Throws UserError.
std::unique_ptr<Network> MakeNetwork(NetworkKind kind, StateDirectory& state);

}  // namespace ebbrt::iaas
