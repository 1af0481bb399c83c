// NodeAllocator: machines by the IaaS daemon, or processes in their place.
#include "common/node_allocator.h"

#include <filesystem>
#include <iterator>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include "common/boot_arguments.h"
#include "common/event_manager.h"
#include "common/frame.h"
#include "common/global_id_map.h"  // back-ends ask for it: serve it
#include "common/messenger.h"
#include "common/node_directory.h"
#include "common/runtime.h"
#include "common/timer.h"
#include "hosted/node_process.h"
#include "hosted/node_totals.h"
#include "platform/log.h"
#include "tools/iaasd/client.h"

namespace ebbrt {
namespace {

iaas::Machine ToMachine(const std::string& name) {
  if (name == "microvm") return iaas::Machine::kMicrovm;
  if (name == "pc") return iaas::Machine::kPc;
  if (name == "q35") return iaas::Machine::kQ35;
  throw AllocationFailed("machine '" + name +
                         "': expected microvm, pc, q35 or process");
}

/// Before anybody is asked.
void CheckQueues(const NodeSpec& spec) {
  constexpr unsigned kMost = NodeSpec::kMostQueues;
  const bool many = spec.queues > 1 && spec.machine == "microvm";
  if (spec.queues >= 1 && spec.queues <= kMost && !many) return;
  throw AllocationFailed(std::to_string(spec.queues) +
                         " pairs of queues on a " + spec.machine +
                         (many ? ": it has 1; ask for a pc or q35"
                               : ": expected 1 to " + std::to_string(kMost)));
}

std::vector<std::string> SplitWords(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

/// NodeSpec::machine of a node that is a process.
constexpr std::string_view kProcess = "process";

/// Where a back-end's messenger listens if others reach it only by a port of
/// the host's.
constexpr uint16_t kForwardedMessengerPort = 4712;

/// A node was lost with its daemon; the client may not know yet. Core 0.
bool daemon_lost = false;

/// A node from its request on. The callbacks of the daemon's client, or of the
/// process, come on a thread of theirs; each becomes an event on core 0, where
/// everything else happens.
class AllocatedNode : public Node,
                      public std::enable_shared_from_this<AllocatedNode> {
 public:
  /// A node that reaches the front-end's machine at `host`.
  AllocatedNode(NodeId id, const NodeSpec& spec, IpAddress host)
      : id_(id),
        image_(spec.image),
        shows_console_(spec.console),
        host_(host) {}

  ~AllocatedNode() override { Release(); }

  NodeId Id() const override { return id_; }

  Endpoint Reach(uint16_t port) const override {
    for (const auto& forward : info_.value().forwards) {
      if (forward.guest_port == port) {
        return {*Ipv4Address::Parse("127.0.0.1"), forward.host_port};
      }
    }
    return {Ipv4Address::Parse(info_->address).value_or(Ipv4Address{}), port};
  }

  Future<int> Ended() override { return ended_.GetFuture(); }

  /// Asks the daemon for a machine, or starts a process. Ready when the node is
  /// up (CheckUp). Fails with AllocationFailed.
  Future<> Start(iaas::Session& session, iaas::NodeSpec spec,
                 std::chrono::seconds deadline) {
    auto up = Expect(deadline);
    machine_ = session.Allocate(std::move(spec), Callbacks());
    return up;
  }
  Future<> Start(hosted::NodeProcess::Spec spec,
                 std::chrono::seconds deadline) {
    auto up = Expect(deadline);
    process_.emplace(std::move(spec), Callbacks());
    return up;
  }

  /// Ends the machine and what waits for it.
  void Release() {
    if (std::exchange(is_up_, false)) ++hosted::node_totals.freed;
    deadline_.Stop();
    machine_.Release();
    process_.reset();
    // When the process ends there is no core left, and nobody who waits.
    if (platform::CurrentCore() == kNoCore) return;
    messenger->ForgetNode(id_, "its owner has freed it");
  }

 private:
  /// Ready when the node is up.
  Future<> Expect(std::chrono::seconds deadline) {
    auto up = up_.GetFuture();
    deadline_.Start(deadline, [this, deadline] {
      auto within = " within " + std::to_string(deadline.count()) + " s";
      Fail(connected_ ? "the daemon did not tell its address" + within
                      : "did not connect" + within +
                            "; its console: " + console_tail_);
    });
    messenger->WaitForNode(id_)
        .Finally([self = weak_from_this()](Future<> connected) {
          auto node = self.lock();
          if (node == nullptr) return;
          if (connected.Failed()) return;  // whoever gave it up says why
          node->connected_ = true;
          node->CheckUp();
        })
        .Detach("waiting for a node");
    return up;
  }

  /// Runs `function` on core 0 unless the node is gone by then.
  template <typename F>
  void OnCore0(F function) {
    EventManager::SpawnRemote(
        [self = weak_from_this(), function = std::move(function)]() mutable {
          if (auto node = self.lock()) function(*node);
        },
        0);
  }

  iaas::NodeCallbacks Callbacks() {
    iaas::NodeCallbacks callbacks;
    callbacks.started = [this](const iaas::NodeInfo& info) {
      OnCore0([info](AllocatedNode& node) {
        node.info_ = info;
        for (const auto& forward : info.forwards) {
          if (forward.guest_port != kForwardedMessengerPort) continue;
          NodeDirectory::Get().SetAddress(node.id_,
                                          {node.host_, forward.host_port});
        }
        node.CheckUp();
      });
    };
    callbacks.failed = [this](std::exception_ptr error) {
      OnCore0([error](AllocatedNode& node) {
        try {
          std::rethrow_exception(error);
        } catch (const std::exception& reason) {
          node.Fail(reason.what());
        }
      });
    };
    callbacks.died = [this](const iaas::NodeExit& exit) {
      OnCore0([exit](AllocatedNode& node) { node.Died(exit); });
    };
    callbacks.console = [this](std::string_view text) {
      OnCore0([text = std::string(text)](AllocatedNode& node) {
        node.Console(text);
      });
    };
    return callbacks;
  }

  /// Up means connected and known where: a node may be quicker to connect than
  /// the daemon's word of its address is to arrive.
  void CheckUp() {
    if (!connected_ || !info_) return;
    deadline_.Stop();
    if (!up_.Valid()) return;
    is_up_ = true;
    ++hosted::node_totals.allocated;
    up_.SetValue();
  }

  void Fail(const std::string& why) {
    auto self = shared_from_this();  // who waits may drop the last other one
    deadline_.Stop();
    if (up_.Valid()) {
      ++hosted::node_totals.failed;
      up_.SetException(std::make_exception_ptr(
          AllocationFailed("node with image " + image_ + ": " + why)));
    }
    messenger->ForgetNode(id_, why);
  }

  void Died(const iaas::NodeExit& exit) {
    if (exit.kind == iaas::ExitKind::kDaemonLost) daemon_lost = true;
    if (std::exchange(is_up_, false)) ++hosted::node_totals.ended;
    Fail(exit.reason + "; its console: " + exit.console_tail);
    if (ended_.Valid()) {
      ended_.SetValue(exit.kind == iaas::ExitKind::kGuestExit ? exit.code : -1);
    }
  }

  /// Lines of the back-end's console.
  void Console(const std::string& text) {
    line_ += text;
    size_t end;
    while ((end = line_.find('\n')) != std::string::npos) {
      auto line = line_.substr(0, end);
      line_.erase(0, end + 1);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      if (shows_console_) {
        platform::WriteConsole("[node " + std::to_string(id_) + "] " + line +
                               "\n");
      }
      console_tail_ = line;
    }
  }

  const NodeId id_;
  const std::string image_;
  const bool shows_console_;
  const IpAddress host_;
  iaas::Node machine_;  // either of the two
  std::optional<hosted::NodeProcess> process_;
  std::optional<iaas::NodeInfo> info_;  // once the daemon has told
  bool connected_ = false;
  bool is_up_ = false;  // until it ends or is given back
  Timer deadline_;
  Promise<> up_;
  Promise<int> ended_;
  std::string line_;
  std::string console_tail_;
};

/// What the application holds of a node.
class NodeHandle : public Node {
 public:
  explicit NodeHandle(std::shared_ptr<AllocatedNode> node)
      : node_(std::move(node)) {}
  ~NodeHandle() override { node_->Release(); }
  NodeId Id() const override { return node_->Id(); }
  Endpoint Reach(uint16_t port) const override { return node_->Reach(port); }
  Future<int> Ended() override { return node_->Ended(); }

 private:
  std::shared_ptr<AllocatedNode> node_;
};

class HostedNodeAllocator : public NodeAllocator {
 public:
  Future<std::unique_ptr<Node>> Allocate(NodeSpec spec) override {
    try {
      if (runtime::ThisNode() != kFrontEndNode) {
        throw AllocationFailed("nodes are allocated by the front-end only");
      }
      CheckQueues(spec);
      Listen();
      if (spec.machine == kProcess) return StartProcess(std::move(spec));
      ConnectToDaemon();
      return Boot(std::move(spec));
    } catch (const AllocationFailed&) {
      return MakeFailedFuture<std::unique_ptr<Node>>(std::current_exception());
    } catch (const std::exception& error) {
      return MakeFailedFuture<std::unique_ptr<Node>>(
          AllocationFailed(error.what()));
    }
  }

 private:
  void Listen() {
    if (home_.port != 0) return;
    NodeDirectory::Get();  // before anybody connects
    home_ = messenger->Listen(runtime::Boot().secret);
  }

  /// Blocks this thread until the daemon has answered: a few milliseconds,
  /// once.
  void ConnectToDaemon() {
    if (!std::exchange(daemon_lost, false) && client_.Connected()) return;
    session_ = {};  // its daemon is gone, and its nodes with it
    client_ = {};
    client_ = iaas::EnsureDaemon();
    session_ = client_.OpenSession(program_invocation_short_name);
    home_.address = Ipv4Address::Parse(session_.Network().host_address).value();
    if (!session_.Network().limits.empty()) {
      platform::WriteConsole("ebbrt: " + session_.Network().limits + "\n");
    }
  }

  /// The boot words of node `id`, which reaches this one at `home`.
  static BootArguments BootOf(NodeId id, Endpoint home) {
    BootArguments boot;
    boot.node = id;
    boot.front_end = home;
    boot.secret = runtime::Boot().secret;
    boot.protocol = kProtocolVersion;
    return boot;
  }

  Future<std::unique_ptr<Node>> StartProcess(NodeSpec spec) {
    NodeId id = next_node_++;
    Endpoint home{*Ipv4Address::Parse("127.0.0.1"), home_.port};
    auto node = std::make_shared<AllocatedNode>(id, spec, home.address);
    return Handle(
        node,
        node->Start({.program = std::filesystem::absolute(spec.image).string(),
                     .boot_words = BootOf(id, home).ToCommandLine() + " " +
                                   spec.boot_words,
                     .arguments = spec.arguments,
                     .cores = spec.cores},
                    spec.deadline));
  }

  Future<std::unique_ptr<Node>> Boot(NodeSpec spec) {
    NodeId id = next_node_++;
    BootArguments boot = BootOf(id, home_);
    bool forwards =
        session_.Network().kind == iaas::NetworkKind::kUserNetworking;
    if (forwards) boot.port = kForwardedMessengerPort;

    iaas::NodeSpec request;
    request.image = std::filesystem::absolute(spec.image).string();
    request.words = SplitWords(boot.ToCommandLine() + " " + spec.boot_words);
    request.arguments = spec.arguments;
    request.cores = spec.cores;
    request.memory_mib = static_cast<uint32_t>(spec.memory_mib);
    request.machine = ToMachine(spec.machine);
    if (!forwards) {
      request.nic.queues = static_cast<uint16_t>(spec.queues);
    } else {
      request.forwards.push_back({.guest_port = kForwardedMessengerPort});
      for (uint16_t port : spec.ports) {
        request.forwards.push_back({.guest_port = port});
      }
    }
    auto node = std::make_shared<AllocatedNode>(id, spec, home_.address);
    return Handle(node,
                  node->Start(session_, std::move(request), spec.deadline));
  }

  /// What the application holds of `node`, when it has `started`.
  static Future<std::unique_ptr<Node>> Handle(
      std::shared_ptr<AllocatedNode> node, Future<> started) {
    return std::move(started).Then([node]() -> std::unique_ptr<Node> {
      return std::make_unique<NodeHandle>(node);
    });
  }

  iaas::Client client_;
  iaas::Session session_;
  Endpoint home_;
  NodeId next_node_ = kFrontEndNode + 1;
};

}  // namespace

NodeAllocator& NodeAllocator::HandleFault(EbbId id) {
  static HostedNodeAllocator allocator;  // ends its nodes when the process ends
  CacheRep(id, &allocator);
  return allocator;
}

}  // namespace ebbrt
