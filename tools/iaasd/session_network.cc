#include "session_network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>

#include "bridge_network.h"
#include "user_error.h"

namespace ebbrt::iaas {
namespace {

// QEMU's user networking: every node sees itself and the host at the same
// addresses, since each has a network of its own.
constexpr Ipv4 kUserNode = 0x0a00020f;  // 10.0.2.15
constexpr Ipv4 kUserHost = 0x0a000202;  // 10.0.2.2
constexpr uint8_t kUserPrefix = 24;
constexpr size_t kMaxForwards = 64;

constexpr char kUserLimits[] =
    "User networking: nodes can't reach one another, nor the host a node, but "
    "through the ports forwarded at its allocation (on 127.0.0.1; one is for "
    "the messenger), and a network device has one queue pair. For a bridge, "
    "run iaasd as root or with CAP_NET_ADMIN and a readable /dev/net/tun.";

// A port of 127.0.0.1 that nobody uses right now.
uint16_t PickPort(Protocol protocol) {
  const int type = protocol == Protocol::kTcp ? SOCK_STREAM : SOCK_DGRAM;
  const kj::AutoCloseFd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (bind(socket.get(), reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) !=
          0) {
    throw std::system_error(errno, std::generic_category(),
                            "can't find a free port on 127.0.0.1");
  }
  return ntohs(address.sin_port);
}

class UserNodeNetwork final : public NodeNetwork {
 public:
  explicit UserNodeNetwork(const NodeSpec& spec) {
    address = kUserNode;
    gateway = kUserHost;
    prefix = kUserPrefix;
    plan.mac = NodeMac(address);
    plan.forwards = spec.forwards;
    for (auto& forward : plan.forwards) {
      if (forward.guest_port == 0) {
        throw UserError("a port forward leads to port 0 of the node");
      }
      if (forward.host_port == 0) {
        forward.host_port = PickPort(forward.protocol);
      }
    }
  }
};

class UserNetwork final : public Network {
 public:
  explicit UserNetwork(const std::string& why) {
    info_.kind = NetworkKind::kUserNetworking;
    info_.host_address = ToString(kUserHost);
    info_.listen_address = "127.0.0.1";
    info_.prefix = kUserPrefix;
    info_.limits = why.empty() ? kUserLimits : why + ". " + kUserLimits;
  }

  std::unique_ptr<NodeNetwork> Attach(uint32_t, const NodeSpec& spec,
                                      AcceleratorKind) override {
    if (spec.nic.queues != 1) {
      throw UserError(
          "a network device with " + std::to_string(spec.nic.queues) +
          " queue pairs needs a bridge, and this session has user networking; "
          "ask for 1 queue pair or run iaasd as root");
    }
    if (spec.forwards.size() > kMaxForwards) {
      throw UserError("more than " + std::to_string(kMaxForwards) +
                      " port forwards");
    }
    return std::make_unique<UserNodeNetwork>(spec);
  }
};

bool HasNetAdmin() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != "CapEff:") continue;
    uint64_t effective = 0;
    status >> std::hex >> effective;
    return (effective >> CAP_NET_ADMIN & 1) != 0;
  }
  return false;
}

}  // namespace

std::vector<int> NodeNetwork::Fds() const {
  std::vector<int> numbers;
  for (const auto& fd : fds_) numbers.push_back(fd.get());
  return numbers;
}

NetworkAbility ProbeNetworkAbility() {
  const kj::AutoCloseFd tun(open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  if (tun.get() < 0) {
    return {NetworkKind::kUserNetworking,
            std::string("/dev/net/tun does not open: ") + std::strerror(errno)};
  }
  if (!HasNetAdmin()) {
    return {NetworkKind::kUserNetworking,
            "the daemon has no CAP_NET_ADMIN, which bridges and taps need"};
  }
  return {NetworkKind::kBridge, "the daemon may make bridges and taps"};
}

std::unique_ptr<Network> MakeNetwork(NetworkKind kind, StateDirectory& state) {
  if (kind == NetworkKind::kUserNetworking) {
    return std::make_unique<UserNetwork>("");
  }
  if (kind == NetworkKind::kNone) {
    throw UserError("a session has a network; ask for none per node");
  }
  std::string why;
  const NetworkAbility ability = ProbeNetworkAbility();
  if (ability.kind == NetworkKind::kBridge) {
    try {
      return MakeBridgeNetwork(state);
    } catch (const std::exception& error) {
      why = error.what();
    }
  } else {
    why = ability.reason;
  }
  if (kind == NetworkKind::kAutomatic) {
    return std::make_unique<UserNetwork>("No bridge: " + why);
  }
  throw UserError("can't make a bridge: " + why +
                  ". Run iaasd as root, or ask for user networking");
}

}  // namespace ebbrt::iaas
