#include "bridge_network.h"

#include <fcntl.h>
#include <sys/random.h>

#include <algorithm>
#include <system_error>

#include "route_socket.h"
#include "user_error.h"

namespace ebbrt::iaas {
namespace {

constexpr unsigned kMaxBridges = 256;
constexpr uint16_t kMaxQueues = 64;

constexpr char kNoFilter[] =
    "This kernel can't filter the packets of a bridge (it has no clsact or "
    "cls_bpf), so nodes reach the addresses that the host has in other "
    "networks, those of other users' sessions too";

// Unicast, locally administered. Random, so that the record of this bridge
// can't be mistaken for one of another daemon's bridge of the same name.
MacAddress RandomMac() {
  MacAddress mac;
  if (getrandom(mac.data(), mac.size(), 0) !=
      static_cast<ssize_t>(mac.size())) {
    throw std::system_error(errno, std::generic_category(), "getrandom");
  }
  mac[0] = 0xfe;
  return mac;
}

// Addresses in use, shared by the network and its nodes, whichever ends last.
using SharedPool = std::shared_ptr<AddressPool>;

class TapNetwork final : public NodeNetwork {
 public:
  TapNetwork(StateDirectory& state, SharedPool pool)
      : state_(state), pool_(std::move(pool)) {
    address = pool_->Take();
    gateway = pool_->Host();
    prefix = pool_->Network().prefix;
    plan.mac = NodeMac(address);
  }

  ~TapNetwork() noexcept override {
    // A tap lasts as long as one of its descriptors.
    fds_.clear();
    if (!name_.empty()) state_.ForgetLink(name_);
    pool_->GiveBack(address);
  }

  void MakeTap(const std::string& name, int bridge, uint16_t queues) {
    RouteSocket route;
    const MacAddress mac = RandomMac();
    state_.RememberLink(name, mac);
    name_ = name;
    for (uint16_t i = 0; i < queues; ++i) {
      fds_.push_back(
          OpenTap(name, queues > 1 ? TapQueues::kSeveral : TapQueues::kOne));
      plan.tap_fds.push_back(fds_.back().get());
    }
    const auto link = route.FindLink(name);
    if (!link) throw UserError("the tap " + name + " vanished");
    route.SilenceIpv6(link->index);
    route.AttachPort(link->index, bridge, mac);
    route.SetUp(link->index);
  }

  // Lets the kernel move the packets, where it offers to. Only with KVM: the
  // kernel then wakes the guest without QEMU.
  void OfferVhost() {
    std::vector<kj::AutoCloseFd> vhosts;
    for (size_t i = 0; i < plan.tap_fds.size(); ++i) {
      kj::AutoCloseFd fd(open("/dev/vhost-net", O_RDWR | O_CLOEXEC));
      if (fd.get() < 0) return;
      vhosts.push_back(kj::mv(fd));
    }
    for (auto& fd : vhosts) {
      plan.vhost_fds.push_back(fd.get());
      fds_.push_back(kj::mv(fd));
    }
  }

 private:
  StateDirectory& state_;
  SharedPool pool_;
  std::string name_;
};

class BridgeNetwork final : public Network {
 public:
  explicit BridgeNetwork(StateDirectory& state) : state_(state) {
    const auto used = route_.UsedSubnets();
    const Subnet subnet = MakeBridge(used);
    pool_ = std::make_shared<AddressPool>(subnet);
    info_.kind = NetworkKind::kBridge;
    info_.host_address = info_.listen_address = ToString(pool_->Host());
    info_.prefix = subnet.prefix;
    try {
      route_.SilenceIpv6(index_);
      route_.Isolate(index_);
      if (!route_.Filter(index_, subnet)) info_.limits = kNoFilter;
      route_.AddAddress(index_, pool_->Host(), subnet.prefix);
      route_.SetUp(index_);
    } catch (...) {
      Remove();
      throw;
    }
  }

  ~BridgeNetwork() noexcept override { Remove(); }

  std::unique_ptr<NodeNetwork> Attach(uint32_t node, const NodeSpec& spec,
                                      AcceleratorKind accelerator) override {
    if (spec.nic.queues == 0 || spec.nic.queues > kMaxQueues) {
      throw UserError("the network device can have 1 to " +
                      std::to_string(kMaxQueues) + " queue pairs, not " +
                      std::to_string(spec.nic.queues));
    }
    if (!spec.forwards.empty()) {
      throw UserError(
          "port forwards are of user networking only; on this session's "
          "bridge every port of the node can be reached at its address, so "
          "leave the forwards out");
    }
    auto tap = std::make_unique<TapNetwork>(state_, pool_);
    tap->MakeTap(name_ + "n" + std::to_string(node), index_, spec.nic.queues);
    if (accelerator == AcceleratorKind::kKvm) tap->OfferVhost();
    return tap;
  }

 private:
  // Takes the first free bridge name and the network that goes with its number.
  Subnet MakeBridge(const std::vector<Subnet>& used) {
    for (unsigned number = 0; number < kMaxBridges; ++number) {
      const std::string name = "ebbrt" + std::to_string(number);
      // Found by name first: the record must not be touched if the link is
      // another's.
      if (route_.FindLink(name)) continue;
      const auto subnet = ChooseSubnet(static_cast<uint8_t>(number), used);
      if (!subnet) continue;
      const MacAddress mac = RandomMac();
      state_.RememberLink(name, mac);
      bool made = false;
      try {
        made = route_.AddBridge(name, mac);
      } catch (...) {
        state_.ForgetLink(name);
        throw;
      }
      if (!made) {
        state_.ForgetLink(name);
        continue;
      }
      name_ = name;
      index_ = route_.FindLink(name).value().index;
      return *subnet;
    }
    throw UserError(
        "no free name ebbrt0 to ebbrt255 or no private IPv4 network is left "
        "for a bridge; close other sessions");
  }

  void Remove() noexcept {
    try {
      const auto link = route_.FindLink(name_);
      if (link && link->index == index_) route_.Delete(index_);
      state_.ForgetLink(name_);
    } catch (const std::system_error&) {
      // The record stays, so that the next daemon removes the bridge.
    }
  }

  StateDirectory& state_;
  RouteSocket route_;
  std::string name_;
  int index_ = 0;
  SharedPool pool_;
};

}  // namespace

std::unique_ptr<Network> MakeBridgeNetwork(StateDirectory& state) {
  return std::make_unique<BridgeNetwork>(state);
}

}  // namespace ebbrt::iaas
