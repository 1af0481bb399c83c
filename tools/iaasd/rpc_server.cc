#include "rpc_server.h"

#include <memory>

#include "process_usage.h"
#include "rpc_convert.h"
#include "user_error.h"

namespace ebbrt::iaas {
namespace {

// QEMU starts in a tenth of a second; a machine that swaps may need more.
constexpr auto kStartDeadline = 30 * kj::SECONDS;

// Answers for one machine; dropping it ends the machine.
class NodeServer final : public rpc::Node::Server {
 public:
  NodeServer(NodeHost& host, kj::Own<MachineLease> lease)
      : host_(host), lease_(kj::mv(lease)), machine_(lease_->Machine()) {}

  kj::Promise<void> kill(KillContext context) override {
    machine_.Kill("its owner ended it");
    return machine_.WhenEnded().then([context](NodeExit exit) mutable {
      ToRpc(exit, context.getResults().initExit());
    });
  }

  kj::Promise<void> info(InfoContext context) override {
    ToRpc(host_.Describe(machine_), context.getResults().initInfo());
    return kj::READY_NOW;
  }

  kj::Promise<void> console(ConsoleContext context) override {
    const auto params = context.getParams();
    context.allowCancellation();
    return StreamConsole(
               machine_.Console(), params.getOffset(),
               params.getFollow() ? FollowConsole::kYes : FollowConsole::kNo,
               params.getSink())
        .then([context](uint64_t end) mutable {
          context.getResults().setEnd(end);
        });
  }

 private:
  NodeHost& host_;
  kj::Own<MachineLease> lease_;
  VirtualMachine& machine_;
};

// Dropping it ends the session.
class SessionServer final : public rpc::Session::Server {
 public:
  SessionServer(NodeHost& host, kj::Timer& timer,
                std::shared_ptr<ConnectionState> connection,
                std::shared_ptr<HostSession> session)
      : host_(host),
        timer_(timer),
        connection_(std::move(connection)),
        session_(std::move(session)) {}
  ~SessionServer() noexcept { host_.EndSession(*session_); }

  kj::Promise<void> network(NetworkContext context) override {
    ToRpc(session_->network->Info(), context.getResults());
    return kj::READY_NOW;
  }

  kj::Promise<void> allocate(AllocateContext context) override {
    const auto params = context.getParams();
    NodeSpec spec = FromRpc(params.getSpec());
    auto observer = params.getObserver();
    context.releaseParams();
    context.allowCancellation();
    return host_.Boot(session_, std::move(spec))
        .then([this, context, observer = kj::mv(observer)](
                  kj::Own<MachineLease> lease) mutable {
          return Hand(kj::mv(lease), kj::mv(observer), context);
        });
  }

 private:
  // Gives a started machine to the client once it runs.
  kj::Promise<void> Hand(kj::Own<MachineLease> lease,
                         rpc::NodeObserver::Client observer,
                         AllocateContext context) {
    VirtualMachine& machine = lease->Machine();
    auto late = timer_.afterDelay(kStartDeadline).then([]() {
      throw UserError(
          "QEMU did not start the node within 30 s; is the host overloaded?");
    });
    return machine.WhenRunning()
        .exclusiveJoin(kj::mv(late))
        .then([this, context, &machine, lease = kj::mv(lease),
               observer = kj::mv(observer)]() mutable {
          auto results = context.getResults();
          ToRpc(host_.Describe(machine), results.initInfo());
          Observe(machine, kj::mv(observer));
          results.setNode(kj::heap<NodeServer>(host_, kj::mv(lease)));
        });
  }

  void Observe(VirtualMachine& machine, rpc::NodeObserver::Client observer) {
    if (connection_->notices.get() == nullptr) return;
    connection_->notices->add(
        machine.WhenEnded()
            .then([observer = kj::mv(observer)](NodeExit exit) mutable {
              auto request = observer.diedRequest();
              ToRpc(exit, request.initExit());
              return request.send().ignoreResult();
            })
            // An observer whose connection is lost needs no notice.
            .catch_([](kj::Exception&&) {}));
  }

  NodeHost& host_;
  kj::Timer& timer_;
  std::shared_ptr<ConnectionState> connection_;
  std::shared_ptr<HostSession> session_;
};

// Shows and ends the nodes its peer may see.
class AdminServer final : public rpc::Admin::Server {
 public:
  AdminServer(NodeHost& host, Credentials peer)
      : host_(host), peer_(std::move(peer)) {}

  kj::Promise<void> list(ListContext context) override {
    const auto machines = host_.VisibleTo(peer_);
    auto nodes =
        context.getResults().initNodes(static_cast<unsigned>(machines.size()));
    for (unsigned i = 0; i < machines.size(); ++i) {
      ToRpc(StatusOf(*machines[i]), nodes[i]);
    }
    return kj::READY_NOW;
  }

  kj::Promise<void> info(InfoContext context) override {
    return host_.Info().then([context](DaemonInfo info) mutable {
      ToRpc(info, context.getResults().initInfo());
    });
  }

  kj::Promise<void> kill(KillContext context) override {
    auto& machine = host_.Find(context.getParams().getNode(), peer_);
    machine.Kill("user " + std::to_string(peer_.uid) +
                 " ended it through the daemon");
    return machine.WhenEnded().then([context](NodeExit exit) mutable {
      ToRpc(exit, context.getResults().initExit());
    });
  }

  kj::Promise<void> console(ConsoleContext context) override {
    const auto params = context.getParams();
    auto& machine = host_.Find(params.getNode(), peer_);
    context.allowCancellation();
    return StreamConsole(
               machine.Console(), params.getOffset(),
               params.getFollow() ? FollowConsole::kYes : FollowConsole::kNo,
               params.getSink())
        .then([context](uint64_t end) mutable {
          context.getResults().setEnd(end);
        });
  }

  kj::Promise<void> gdb(GdbContext context) override {
    auto& machine = host_.Find(context.getParams().getNode(), peer_);
    return host_.ListenForGdb(machine).then(
        [context](std::string path) mutable {
          context.getResults().setSocket(path.c_str());
        });
  }

 private:
  NodeStatus StatusOf(const VirtualMachine& machine) const {
    const auto& facts = machine.Facts();
    const auto usage = UsageOf(machine.Pid());
    return {.id = facts.id,
            .uid = facts.owner.uid,
            .label = facts.label,
            .image = facts.image,
            .state = machine.StateText(),
            .uptime = machine.Uptime(),
            .address = facts.address,
            .accelerator = Name(facts.accelerator),
            .machine = facts.machine,
            .cores = facts.cores,
            .memory_mib = facts.memory_mib,
            .pid = machine.Pid(),
            .cpu = std::chrono::milliseconds(
                static_cast<int64_t>(usage.cpu_seconds * 1000)),
            .resident_bytes = usage.resident_bytes};
  }

  NodeHost& host_;
  Credentials peer_;
};

class IaasServer final : public rpc::Iaas::Server {
 public:
  IaasServer(NodeHost& host, kj::Timer& timer,
             std::shared_ptr<ConnectionState> connection, Credentials peer)
      : host_(host),
        timer_(timer),
        connection_(std::move(connection)),
        peer_(std::move(peer)) {}

  kj::Promise<void> openSession(OpenSessionContext context) override {
    const auto params = context.getParams();
    const auto label = params.getUserLabel();
    auto session =
        host_.OpenSession(peer_, std::string(label.begin(), label.size()),
                          FromRpc(params.getNetwork()));
    connection_->stays = true;
    context.getResults().setSession(kj::heap<SessionServer>(
        host_, timer_, connection_, std::move(session)));
    return kj::READY_NOW;
  }

  kj::Promise<void> stay(StayContext) override {
    connection_->stays = true;
    return kj::READY_NOW;
  }

  kj::Promise<void> admin(AdminContext context) override {
    context.getResults().setAdmin(kj::heap<AdminServer>(host_, peer_));
    return kj::READY_NOW;
  }

 private:
  NodeHost& host_;
  kj::Timer& timer_;
  std::shared_ptr<ConnectionState> connection_;
  Credentials peer_;
};

}  // namespace

rpc::Iaas::Client MakeIaasServer(NodeHost& host, kj::Timer& timer,
                                 std::shared_ptr<ConnectionState> connection,
                                 Credentials peer) {
  return kj::heap<IaasServer>(host, timer, std::move(connection),
                              std::move(peer));
}

}  // namespace ebbrt::iaas
