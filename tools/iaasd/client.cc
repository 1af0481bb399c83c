#include "client.h"

#include <kj/async.h>

#include <thread>
#include <utility>

#include "client_loop.h"
#include "node_request.h"
#include "rpc_convert.h"

namespace ebbrt::iaas {
namespace {

using LoopPointer = std::shared_ptr<ClientLoop>;

// Hands console data to a function of the caller's.
class SinkServer final : public rpc::ConsoleSink::Server {
 public:
  explicit SinkServer(std::function<void(std::string_view)> sink)
      : sink_(std::move(sink)) {}

  kj::Promise<void> write(WriteContext context) override {
    const auto data = context.getParams().getData().asChars();
    sink_(std::string_view(data.begin(), data.size()));
    return kj::READY_NOW;
  }

 private:
  std::function<void(std::string_view)> sink_;
};

}  // namespace

class Client::Impl {
 public:
  explicit Impl(LoopPointer loop) : loop(std::move(loop)) {}

  LoopPointer loop;
};

class Session::Impl {
 public:
  Impl(LoopPointer loop, uint64_t id, SessionNetwork network)
      : loop(std::move(loop)), id(id), network(std::move(network)) {}
  ~Impl() {
    loop->Post([id = id](LoopState& state) { state.sessions.erase(id); });
  }

  LoopPointer loop;
  uint64_t id;
  SessionNetwork network;
};

class Node::Impl {
 public:
  Impl(LoopPointer loop, uint64_t id, std::shared_ptr<NodeListener> listener)
      : loop(std::move(loop)), id(id), listener(std::move(listener)) {}
  ~Impl() {
    listener->Silence();
    loop->Post([id = id](LoopState& state) { state.nodes.erase(id); });
  }

  LoopPointer loop;
  uint64_t id;
  std::shared_ptr<NodeListener> listener;
};

Node::Node(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Node::Node(Node&&) noexcept = default;
Node& Node::operator=(Node&&) noexcept = default;
Node::~Node() = default;

void Node::Release() { impl_ = nullptr; }

void Node::Kill() {
  if (!impl_) return;
  impl_->loop->Post([id = impl_->id, listener = impl_->listener](
                        LoopState& state) { KillNode(state, id, *listener); });
}

Session::Session(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

const SessionNetwork& Session::Network() const { return impl_->network; }

Node Session::Allocate(NodeSpec spec, NodeCallbacks callbacks) {
  const uint64_t id = impl_->loop->NewId();
  auto listener = std::make_shared<NodeListener>(std::move(callbacks));
  impl_->loop->Post([session = impl_->id, id, listener,
                     path = impl_->loop->SocketPath(),
                     spec = std::move(spec)](LoopState& state) {
    RequestNode(state, session, id, spec, listener, path);
  });
  return Node(
      std::make_shared<Node::Impl>(impl_->loop, id, std::move(listener)));
}

Client::Client(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;
Client::~Client() = default;
bool Client::Connected() const {
  return impl_ != nullptr && impl_->loop->Connected();
}

namespace {

enum class Presence { kPasser, kStayer };

// Makes a client of a connected socket, once the daemon has answered.
std::shared_ptr<Client::Impl> MakeClient(kj::AutoCloseFd fd,
                                         const std::string& socket,
                                         std::shared_ptr<PrivateDaemon> daemon,
                                         std::chrono::milliseconds timeout,
                                         Presence presence) {
  auto impl = std::make_shared<Client::Impl>(
      std::make_shared<ClientLoop>(kj::mv(fd), socket, std::move(daemon)));
  impl->loop->Ask<bool>(
      [presence](LoopState& state) -> kj::Promise<bool> {
        if (presence == Presence::kStayer) {
          return state.iaas.stayRequest().send().then(
              [](auto&&) { return true; });
        }
        return state.iaas.adminRequest().send().then(
            [](auto&&) { return true; });
      },
      timeout);
  return impl;
}

}  // namespace

Client Client::Connect(const std::string& socket,
                       std::chrono::milliseconds timeout) {
  auto fd = ConnectTo(socket, timeout);
  if (!fd) {
    throw Error("no IaaS daemon listens at " + socket +
                "; start one with `iaasd`, or name another socket in "
                "$EBBRT_IAASD_SOCKET");
  }
  return Client(MakeClient(kj::mv(*fd), socket, PrivateDaemon::Find(socket),
                           timeout, Presence::kPasser));
}

Session Client::OpenSession(const std::string& label, NetworkKind network) {
  const uint64_t id = impl_->loop->NewId();
  auto info =
      impl_->loop->Ask<SessionNetwork>([id, label, network](LoopState& state) {
        auto request = state.iaas.openSessionRequest();
        request.setUserLabel(label.c_str());
        request.setNetwork(ToRpc(network));
        auto answer = request.send();
        auto session = answer.getSession();
        state.sessions.emplace(id, session);
        return session.networkRequest().send().then(
            [](auto&& response) { return FromRpc(response); },
            [id, &state](kj::Exception&& exception) -> SessionNetwork {
              state.sessions.erase(id);
              kj::throwFatalException(kj::mv(exception));
            });
      });
  return Session(
      std::make_shared<Session::Impl>(impl_->loop, id, std::move(info)));
}

std::vector<NodeStatus> Client::List() {
  return impl_->loop->Ask<std::vector<NodeStatus>>([](LoopState& state) {
    return state.iaas.adminRequest()
        .send()
        .getAdmin()
        .listRequest()
        .send()
        .then([](auto&& response) {
          std::vector<NodeStatus> nodes;
          for (const auto node : response.getNodes()) {
            nodes.push_back(FromRpc(node));
          }
          return nodes;
        });
  });
}

DaemonInfo Client::Info() {
  return impl_->loop->Ask<DaemonInfo>([](LoopState& state) {
    return state.iaas.adminRequest()
        .send()
        .getAdmin()
        .infoRequest()
        .send()
        .then([](auto&& response) { return FromRpc(response.getInfo()); });
  });
}

void Client::Kill(uint32_t node) {
  impl_->loop->Ask<bool>([node](LoopState& state) {
    auto request = state.iaas.adminRequest().send().getAdmin().killRequest();
    request.setNode(node);
    return request.send().then([](auto&&) { return true; });
  });
}

std::string Client::Gdb(uint32_t node) {
  return impl_->loop->Ask<std::string>([node](LoopState& state) {
    auto request = state.iaas.adminRequest().send().getAdmin().gdbRequest();
    request.setNode(node);
    return request.send().then([](auto&& response) {
      const auto path = response.getSocket();
      return std::string(path.begin(), path.size());
    });
  });
}

void Client::Console(uint32_t node, uint64_t offset, Follow follow,
                     std::function<void(std::string_view)> sink) {
  impl_->loop->Ask<bool>([node, offset, follow,
                          sink = std::move(sink)](LoopState& state) {
    auto request = state.iaas.adminRequest().send().getAdmin().consoleRequest();
    request.setNode(node);
    request.setOffset(offset);
    request.setFollow(follow == Follow::kYes);
    request.setSink(kj::heap<SinkServer>(sink));
    return request.send().then([](auto&&) { return true; });
  });
}

Client EnsureDaemon(const DaemonOptions& options) {
  constexpr auto kPause = std::chrono::milliseconds(20);
  const auto deadline = std::chrono::steady_clock::now() + options.timeout;
  while (true) {
    if (auto fd = ConnectTo(options.socket, options.timeout)) {
      try {
        return Client(MakeClient(kj::mv(*fd), options.socket,
                                 PrivateDaemon::Find(options.socket),
                                 options.timeout, Presence::kStayer));
      } catch (const Error&) {
        // A daemon that was about to end: the next round starts another.
        if (std::chrono::steady_clock::now() >= deadline) throw;
      }
    }
    auto daemon = PrivateDaemon::Start(options);
    if (daemon) {
      auto fd = ConnectTo(options.socket, options.timeout);
      if (!fd) throw Error("the IaaS daemon just started doesn't listen");
      return Client(MakeClient(kj::mv(*fd), options.socket, std::move(daemon),
                               options.timeout, Presence::kStayer));
    }
    // Another daemon is starting, or ending, at this socket.
    if (std::chrono::steady_clock::now() >= deadline) {
      throw Error("a daemon holds the socket " + options.socket +
                  " but doesn't answer there; end it, or name another socket "
                  "in $EBBRT_IAASD_SOCKET");
    }
    std::this_thread::sleep_for(kPause);
  }
}

}  // namespace ebbrt::iaas
