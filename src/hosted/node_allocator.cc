// NodeAllocator by the IaaS daemon.
#include "common/node_allocator.h"

#include <filesystem>
#include <iterator>
#include <optional>
#include <sstream>
#include <utility>

#include "common/boot_arguments.h"
#include "common/event_manager.h"
#include "common/frame.h"
#include "common/global_id_map.h"  // back-ends ask for it: serve it
#include "common/messenger.h"
#include "common/node_directory.h"
#include "common/runtime.h"
#include "common/timer.h"
#include "platform/log.h"
#include "tools/iaasd/client.h"

namespace ebbrt {
namespace {

iaas::Machine ToMachine(const std::string& name) {
  if (name == "microvm") return iaas::Machine::kMicrovm;
  if (name == "pc") return iaas::Machine::kPc;
  if (name == "q35") return iaas::Machine::kQ35;
  throw AllocationFailed("machine '" + name + "': expected microvm, pc or q35");
}

std::vector<std::string> SplitWords(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

/// Where a back-end's messenger listens if others reach it only by a port of
/// the host's.
constexpr uint16_t kForwardedMessengerPort = 4712;

/// A node from its request on. The daemon's callbacks come on a thread of its
/// client; each becomes an event on core 0, where everything else happens.
class IaasNode : public Node, public std::enable_shared_from_this<IaasNode> {
 public:
  /// A node that reaches the front-end's machine at `host`.
  IaasNode(NodeId id, std::string image, Ipv4Address host)
      : id_(id), image_(std::move(image)), host_(host) {}

  ~IaasNode() override { Release(); }

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

  /// Ready when the node is up (CheckUp). Fails with AllocationFailed.
  Future<> Start(iaas::Session& session, iaas::NodeSpec spec,
                 std::chrono::seconds deadline) {
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
    machine_ = session.Allocate(std::move(spec), Callbacks());
    return up;
  }

  /// Ends the machine and what waits for it.
  void Release() {
    deadline_.Stop();
    machine_.Release();
    // When the process ends there is no core left, and nobody who waits.
    if (platform::CurrentCore() == kNoCore) return;
    messenger->ForgetNode(id_, "its owner has freed it");
  }

 private:
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
      OnCore0([info](IaasNode& node) {
        node.info_ = info;
        for (const auto& forward : info.forwards) {
          if (forward.guest_port != kForwardedMessengerPort) continue;
          NodeDirectory::Get().SetAddress(node.id_, {node.host_, forward.host_port});
        }
        node.CheckUp();
      });
    };
    callbacks.failed = [this](std::exception_ptr error) {
      OnCore0([error](IaasNode& node) {
        try {
          std::rethrow_exception(error);
        } catch (const std::exception& reason) {
          node.Fail(reason.what());
        }
      });
    };
    callbacks.died = [this](const iaas::NodeExit& exit) {
      OnCore0([exit](IaasNode& node) { node.Died(exit); });
    };
    callbacks.console = [this](std::string_view text) {
      OnCore0(
          [text = std::string(text)](IaasNode& node) { node.Console(text); });
    };
    return callbacks;
  }

  /// Up means connected and known where: a node may be quicker to connect than
  /// the daemon's word of its address is to arrive.
  void CheckUp() {
    if (!connected_ || !info_) return;
    deadline_.Stop();
    if (up_.Valid()) up_.SetValue();
  }

  void Fail(const std::string& why) {
    auto self = shared_from_this();  // who waits may drop the last other one
    deadline_.Stop();
    if (up_.Valid()) {
      up_.SetException(std::make_exception_ptr(
          AllocationFailed("node with image " + image_ + ": " + why)));
    }
    messenger->ForgetNode(id_, why);
  }

  void Died(const iaas::NodeExit& exit) {
    Fail(exit.reason + "; its console: " + exit.console_tail);
    if (ended_.Valid()) {
      ended_.SetValue(exit.kind == iaas::ExitKind::kGuestExit ? exit.code : -1);
    }
  }

  /// A back-end's console is the front-end's, line by line, with the node's id.
  void Console(const std::string& text) {
    line_ += text;
    size_t end;
    while ((end = line_.find('\n')) != std::string::npos) {
      auto line = line_.substr(0, end);
      line_.erase(0, end + 1);
      if (!line.empty() && line.back() == '\r') line.pop_back();
      platform::WriteConsole("[node " + std::to_string(id_) + "] " + line +
                             "\n");
      console_tail_ = line;
    }
  }

  const NodeId id_;
  const std::string image_;
  const Ipv4Address host_;
  iaas::Node machine_;
  std::optional<iaas::NodeInfo> info_;  // once the daemon has told
  bool connected_ = false;
  Timer deadline_;
  Promise<> up_;
  Promise<int> ended_;
  std::string line_;
  std::string console_tail_;
};

/// What the application holds of a node.
class NodeHandle : public Node {
 public:
  explicit NodeHandle(std::shared_ptr<IaasNode> node)
      : node_(std::move(node)) {}
  ~NodeHandle() override { node_->Release(); }
  NodeId Id() const override { return node_->Id(); }
  Endpoint Reach(uint16_t port) const override { return node_->Reach(port); }
  Future<int> Ended() override { return node_->Ended(); }

 private:
  std::shared_ptr<IaasNode> node_;
};

class IaasNodeAllocator : public NodeAllocator {
 public:
  Future<std::unique_ptr<Node>> Allocate(NodeSpec spec) override {
    try {
      Connect();
      return Boot(std::move(spec));
    } catch (const AllocationFailed&) {
      return MakeFailedFuture<std::unique_ptr<Node>>(std::current_exception());
    } catch (const std::exception& error) {
      return MakeFailedFuture<std::unique_ptr<Node>>(
          AllocationFailed(error.what()));
    }
  }

 private:
  /// Blocks this thread until the daemon has answered: a few milliseconds,
  /// once.
  void Connect() {
    if (session_) return;
    client_ = iaas::EnsureDaemon();
    session_ = client_.OpenSession(program_invocation_short_name);
    NodeDirectory::Get();  // before anybody connects
    home_ = messenger->Listen(runtime::Boot().secret);
    home_.address = Ipv4Address::Parse(session_.Network().host_address).value();
    if (!session_.Network().limits.empty()) {
      platform::WriteConsole("ebbrt: " + session_.Network().limits + "\n");
    }
  }

  Future<std::unique_ptr<Node>> Boot(NodeSpec spec) {
    NodeId id = next_node_++;
    BootArguments boot;
    boot.node = id;
    boot.front_end = home_;
    boot.secret = runtime::Boot().secret;
    boot.protocol = kProtocolVersion;
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
    if (forwards) {
      request.forwards.push_back({.guest_port = kForwardedMessengerPort});
      for (uint16_t port : spec.ports) {
        request.forwards.push_back({.guest_port = port});
      }
    }
    auto node = std::make_shared<IaasNode>(id, spec.image, home_.address);
    auto started = node->Start(session_, std::move(request), spec.deadline);
    return started.Then([node]() -> std::unique_ptr<Node> {
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
  static IaasNodeAllocator allocator;  // ends its nodes when the process ends
  CacheRep(id, &allocator);
  return allocator;
}

}  // namespace ebbrt
