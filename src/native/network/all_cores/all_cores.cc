// A stack on every core, in images that call ListenOnAllCores: this is linked
// with it, and network_manager.cc then finds FindManagerOfThisCore.
#include <algorithm>
#include <chrono>
#include <exception>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "common/boot_arguments.h"
#include "common/concat.h"
#include "common/event_manager.h"
#include "common/future.h"
#include "common/listen_on_all_cores.h"
#include "common/run_on.h"
#include "common/runtime.h"
#include "common/shared_future.h"
#include "lwip/arch.h"
#include "lwip/netif.h"
#include "native/network/all_cores/core_steering.h"
#include "native/network/all_cores/lease_watch.h"
#include "native/network/stack_network_manager.h"
#include "native/network/tcp_stream.h"
#include "native/percore.h"
#include "native/virtio/pair_control.h"
#include "native/virtio/pci_transport.h"
#include "platform/clock.h"
#include "platform/core.h"
#include "platform/log.h"

namespace ebbrt::network {
namespace {

using virtio::PairControl;

/// A device answers at once; what takes longer won't.
constexpr auto kAnswerDeadline = std::chrono::seconds(5);

/// Ports for connections that name none (RFC 6335 §6). Every core has its own
/// of them, so that no two make the same connection.
constexpr unsigned kFirstPort = 49152;
constexpr unsigned kPorts = 65536 - kFirstPort;

class CoreManager;

/// This core's, once its stack is started.
EBBRT_PERCORE_ZEROED CoreManager* local_manager;

/// Made on core 0, then only read.
CoreSteering::Team* team;

class CoreManager final : public StackNetworkManager {
 public:
  CoreManager(std::unique_ptr<Stack> stack, const CoreSteering::Team& others)
      : StackNetworkManager(std::move(stack)),
        stack_(GetStack()),
        steering_(stack_, others) {}

  CoreSteering& GetSteering() { return steering_; }

  /// That a node has an address, core 0 knows.
  Future<> Up() override {
    if (platform::CurrentCore() == 0) return StackNetworkManager::Up();
    return RunOn(0, [] { return network_manager->Up(); });
  }

  Future<std::unique_ptr<TcpConnection>> Connect(Endpoint remote,
                                                 Endpoint local) override {
    const size_t cores = team->size();
    if (local.port != 0 || cores == 1) {
      return StackNetworkManager::Connect(remote, local);
    }
    const unsigned own = kPorts / cores;
    unsigned next = LWIP_RAND();
    try {
      for (unsigned tries = 1;; ++tries) {
        local.port = static_cast<uint16_t>(kFirstPort + next++ % own * cores +
                                           platform::CurrentCore());
        try {
          return TcpStream::Connect(stack_, remote, local);
        } catch (const std::system_error& error) {
          if (error.code() != std::errc::address_in_use || tries == own) throw;
        }
      }
    } catch (...) {
      return MakeFailedFuture<std::unique_ptr<TcpConnection>>(
          std::current_exception());
    }
  }

 private:
  Stack& stack_;
  CoreSteering steering_;
};

void Add(CoreManager& manager) { team->push_back(&manager.GetSteering()); }

/// As many further pairs of queues as there are cores, and as the device gives.
std::vector<CoreManager*> MakeOthers(virtio::NetDevice& first) {
  const size_t limit =
      std::min<size_t>(platform::CoreCount(), first.PairLimit());
  std::vector<CoreManager*> made;
  try {
    while (made.size() + 1 < limit) {
      const auto core = static_cast<CoreId>(made.size() + 1);
      // There it binds its interrupts, and from there it has its memory.
      made.push_back(
          RunOn(core, [&first, core] {
            return new CoreManager(
                std::make_unique<Stack>(first, static_cast<uint16_t>(core)),
                *team);
          }).Get());
    }
  } catch (const std::runtime_error&) {
    // The device has no more, or no interrupts for them: the rest will do.
  }
  return made;
}

/// Asks the device to use `pairs` pairs. False: it doesn't.
bool UsePairs(PairControl& control, uint16_t pairs) {
  control.Use(pairs);
  const auto deadline = Clock::now() + kAnswerDeadline;
  for (;;) {
    auto answer = control.Answered();
    if (answer != PairControl::Answer::kNone) {
      return answer == PairControl::Answer::kDone;
    }
    if (Clock::now() > deadline) return false;
    SleepFor(std::chrono::milliseconds(1)).Get();
  }
}

/// As often as DHCP looks at its lease.
constexpr auto kLeasePeriod = std::chrono::seconds(60);

/// Of core 0.
LeaseWatch* lease_watch;

/// Core 0's address has changed: perhaps inside lwIP.
void OnAddress(netif*) {
  Stack::Local().CheckAddress();
  lease_watch->Look();
}

/// False if some core does not hear of it.
bool TellOthers(const Lease& lease) {
  try {
    for (CoreId core = 1; core < team->size(); ++core) {
      EventManager::SpawnRemote(
          [other = (*team)[core], lease] { other->Follow(lease); }, core);
    }
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

/// On a core of the team.
void StartOther(CoreManager& manager, const AddressPlan& plan) {
  manager.GetSteering().Start();
  manager.GetStack().Start(plan);
  local_manager = &manager;
}

/// What there is of the device besides its first pair of queues.
struct Rest {
  std::unique_ptr<PairControl> control;
  std::vector<CoreManager*> others;
};
Rest* rest;

/// Makes the other cores' stacks, before the device begins.
void Prepare(Stack& stack) {
  if (stack.Link() == nullptr) return;
  virtio::NetDevice& device = stack.Link()->Device();
  // MMIO's one interrupt line is core 0's, whatever the device offers.
  bool by_pci = dynamic_cast<virtio::PciTransport*>(&device.Bus()) != nullptr;
  if (!by_pci || device.PairLimit() == 1) return;
  try {
    rest->control = std::make_unique<PairControl>(device);
    rest->others = MakeOthers(device);
  } catch (const std::runtime_error&) {
    // Without control queue one pair is all there is.
  }
}

void StartOthers() {
  const BootArguments& boot = runtime::Boot();
  const AddressPlan plan{boot.network, boot.gateway, boot.ip6, boot.gateway6,
                         !boot.network};
  for (CoreManager* other : rest->others) {
    RunOn(other->GetSteering().Core(), [other, &plan] {
      StartOther(*other, plan);
    }).Get();
  }
}

/// Makes and starts all stacks. On core 0; blocks.
void Build() {
  team = new CoreSteering::Team;
  rest = new Rest;  // for ever: a device that is late may still answer
  auto* first = new CoreManager(BootStack(&Prepare), *team);
  Add(*first);
  if (!rest->others.empty() &&
      UsePairs(*rest->control,
               static_cast<uint16_t>(rest->others.size() + 1))) {
    for (CoreManager* other : rest->others) Add(*other);
    // Before the others, which may get frames of this core's at once.
    first->GetSteering().Start();
    StartOthers();
    if (!runtime::Boot().network) {
      netif* link = first->GetStack().Link()->Netif();
      lease_watch = new LeaseWatch(*link, kLeasePeriod, &TellOthers);
      netif_set_status_callback(link, &OnAddress);
    }
    if (!runtime::Boot().quiet) {
      platform::WriteConsole(
          Concat({"ebbrt: network on ", team->size(), " cores\n"}));
    }
  }
  local_manager = first;
}

}  // namespace

NetworkManager* FindManagerOfThisCore() {
  if (platform::CoreCount() == 1) return nullptr;
  if (platform::CurrentCore() != 0) {
    if (local_manager == nullptr) {
      RunOn(0, [] { (void)network_manager->Address(); }).Get();
    }
    return local_manager;
  }
  static SharedFuture<> built;
  if (local_manager != nullptr) return local_manager;
  if (built.Valid()) {
    built.Fork().Get();  // another event is at it
    return local_manager;
  }
  Promise<> promise;
  built = SharedFuture<>(promise.GetFuture());
  try {
    Build();
  } catch (...) {
    promise.SetException(std::current_exception());
    throw;
  }
  promise.SetValue();
  return local_manager;
}

}  // namespace ebbrt::network

namespace ebbrt {
namespace {

/// One listener a core; each ends on its own.
class AllCoresListener final : public TcpListener {
 public:
  ~AllCoresListener() override {
    for (CoreId core = 1; core < listeners_.size(); ++core) {
      TcpListener* listener = listeners_[core].release();
      try {
        EventManager::SpawnRemote([listener] { delete listener; }, core);
      } catch (const std::bad_alloc&) {
        // That core goes on listening: nobody else may end it.
      }
    }
  }

  /// Of the next core.
  void Add(std::unique_ptr<TcpListener> listener) {
    listeners_.push_back(std::move(listener));
  }
  Endpoint Local() const override { return listeners_[0]->Local(); }

 private:
  std::vector<std::unique_ptr<TcpListener>> listeners_;
};

}  // namespace

size_t ListeningCores() {
  (void)network_manager.Rep();  // so that what there is has been found
  return network::team == nullptr ? 1 : network::team->size();
}

std::unique_ptr<TcpListener> ListenOnAllCores(
    Endpoint local,
    const std::function<void(std::unique_ptr<TcpConnection>)>& accept) {
  auto listener = std::make_unique<AllCoresListener>();
  listener->Add(network_manager->Listen(local, accept));
  local.port = listener->Local().port;
  const size_t cores = ListeningCores();
  for (CoreId core = 1; core < cores; ++core) {
    listener->Add(RunOn(core, [local, accept] {
                    return network_manager->Listen(local, accept);
                  }).Get());
  }
  return listener;
}

}  // namespace ebbrt
