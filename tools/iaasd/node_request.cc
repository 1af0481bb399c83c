#include "node_request.h"

#include <utility>

#include "rpc_convert.h"

namespace ebbrt::iaas {
namespace {

// Told by the daemon when the node dies.
class ObserverServer final : public rpc::NodeObserver::Server {
 public:
  explicit ObserverServer(kj::Own<kj::PromiseFulfiller<NodeExit>> died)
      : died_(kj::mv(died)) {}
  ~ObserverServer() noexcept {
    // The daemon lets go of it without a word when the connection breaks.
    died_->reject(kj::Exception(kj::Exception::Type::DISCONNECTED, __FILE__,
                                __LINE__, kj::str("it closed")));
  }

  kj::Promise<void> died(DiedContext context) override {
    died_->fulfill(FromRpc(context.getParams().getExit()));
    return kj::READY_NOW;
  }

 private:
  kj::Own<kj::PromiseFulfiller<NodeExit>> died_;
};

// Told by the daemon what the node writes.
class ConsoleServer final : public rpc::ConsoleSink::Server {
 public:
  explicit ConsoleServer(std::shared_ptr<NodeListener> listener)
      : listener_(std::move(listener)) {}

  kj::Promise<void> write(WriteContext context) override {
    const auto params = context.getParams();
    if (params.getOffset() > next_) {
      listener_->Console("\n[" + std::to_string(params.getOffset() - next_) +
                         " bytes of console output are lost]\n");
    }
    const auto data = params.getData().asChars();
    next_ = params.getOffset() + data.size();
    listener_->Console(std::string_view(data.begin(), data.size()));
    return kj::READY_NOW;
  }

 private:
  std::shared_ptr<NodeListener> listener_;
  uint64_t next_ = 0;
};

// From the start of a node to its end: first its whole console, then its death.
kj::Promise<void> FollowNode(rpc::Node::Client node, kj::Promise<NodeExit> died,
                             std::shared_ptr<NodeListener> listener,
                             const std::string& socket_path) {
  kj::Promise<void> console = kj::READY_NOW;
  if (listener->WantsConsole()) {
    auto request = node.consoleRequest();
    request.setFollow(true);
    request.setSink(kj::heap<ConsoleServer>(listener));
    // What there is to say of a lost connection, `died` says.
    console = request.send().then([](auto&&) {}, [](kj::Exception&&) {});
  }
  return console.then([died = kj::mv(died)]() mutable { return kj::mv(died); })
      .then(
          [listener](NodeExit exit) { listener->Died(exit); },
          [listener, socket_path](kj::Exception&& exception) {
            listener->Died({.kind = ExitKind::kDaemonLost,
                            .reason = ToError(socket_path, exception).what()});
          });
}

}  // namespace

void NodeListener::Silence() {
  const std::lock_guard lock(mutex_);
  silent_ = true;
}

void NodeListener::Started(const NodeInfo& info) noexcept {
  const std::lock_guard lock(mutex_);
  if (!silent_ && callbacks_.started) callbacks_.started(info);
}

void NodeListener::Failed(const Error& error) noexcept {
  const std::lock_guard lock(mutex_);
  if (!silent_ && callbacks_.failed) {
    callbacks_.failed(std::make_exception_ptr(error));
  }
}

void NodeListener::Died(const NodeExit& exit) noexcept {
  const std::lock_guard lock(mutex_);
  if (!silent_ && callbacks_.died) callbacks_.died(exit);
}

void NodeListener::Console(std::string_view data) noexcept {
  const std::lock_guard lock(mutex_);
  if (!silent_ && callbacks_.console) callbacks_.console(data);
}

void RequestNode(LoopState& state, uint64_t session, uint64_t id,
                 const NodeSpec& spec,
                 const std::shared_ptr<NodeListener>& listener,
                 const std::string& socket_path) {
  const auto found = state.sessions.find(session);
  if (found == state.sessions.end()) {
    listener->Failed(Error("the session was closed before the node started"));
    return;
  }
  auto request = found->second.allocateRequest();
  ToRpc(spec, request.initSpec());
  auto died = kj::newPromiseAndFulfiller<NodeExit>();
  request.setObserver(kj::heap<ObserverServer>(kj::mv(died.fulfiller)));
  auto answer = request.send();
  rpc::Node::Client node = answer.getNode();
  auto progress =
      kj::Promise<capnp::Response<rpc::Session::AllocateResults>>(
          kj::mv(answer))
          .then(
              [&state, id, node, listener, socket_path,
               died = kj::mv(died.promise)](
                  auto&& response) mutable -> kj::Promise<void> {
                // The node may have been let go of, but then this doesn't run.
                state.nodes.at(id).started = true;
                listener->Started(FromRpc(response.getInfo()));
                return FollowNode(node, kj::mv(died), listener, socket_path);
              },
              [listener,
               socket_path](kj::Exception&& exception) -> kj::Promise<void> {
                listener->Failed(ToError(socket_path, exception));
                return kj::READY_NOW;
              });
  state.nodes.emplace(
      id, RemoteNode{.node = kj::mv(node),
                     .started = false,
                     .progress = progress.eagerlyEvaluate(nullptr)});
}

void KillNode(LoopState& state, uint64_t id, NodeListener& listener) {
  const auto found = state.nodes.find(id);
  if (found == state.nodes.end()) return;
  if (!found->second.started) {
    // Cancelling the call ends whatever the daemon has made of it so far.
    state.nodes.erase(found);
    listener.Failed(Error("the node was killed before it had started"));
    return;
  }
  state.tasks.add(found->second.node.killRequest().send().ignoreResult());
}

}  // namespace ebbrt::iaas
