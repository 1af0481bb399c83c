#include "daemon.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <system_error>

#include "daemon_metrics.h"
#include "log.h"
#include "rpc_server.h"
#include "user_error.h"

namespace ebbrt::iaas {
namespace {

// A request's largest part is a command line; anything near this is an attack
// or another protocol.
constexpr uint64_t kMaxMessageWords = 1024 * 1024 / sizeof(capnp::word);
// Calls in flight of one connection, beyond which its reading pauses.
constexpr size_t kMaxCallWords = 4 * kMaxMessageWords;
constexpr size_t kMaxConnections = 256;
// So that no user can keep the others out.
constexpr size_t kMaxConnectionsPerUser = 64;
constexpr auto kAcceptPause = 100 * kj::MILLISECONDS;
constexpr auto kEndDeadline = 10 * kj::SECONDS;

Loop LoopOf(kj::AsyncIoContext& io) {
  return {io.unixEventPort, *io.lowLevelProvider, io.provider->getTimer()};
}

}  // namespace

// One client. Destroying it drops every capability the client held.
struct Daemon::Connection : private kj::TaskSet::ErrorHandler {
  Connection(Daemon& daemon, kj::Own<kj::AsyncIoStream> connected,
             Credentials peer)
      : uid(peer.uid),
        stream(kj::mv(connected)),
        network(*stream, capnp::rpc::twoparty::Side::SERVER, Limits()),
        system(capnp::makeRpcServer(
            network, MakeIaasServer(
                         daemon.host_, daemon.io_.provider->getTimer(), state,
                         std::move(peer)))) {
    kj::TaskSet::ErrorHandler& ignore = *this;
    state->notices = kj::heap<kj::TaskSet>(ignore);
    system.setFlowLimit(kMaxCallWords);
  }

  ~Connection() { state->notices = nullptr; }

  static capnp::ReaderOptions Limits() {
    capnp::ReaderOptions options;
    options.traversalLimitInWords = kMaxMessageWords;
    options.nestingLimit = 16;
    return options;
  }

  void taskFailed(kj::Exception&&) override {}

  const uid_t uid;
  const std::shared_ptr<ConnectionState> state =
      std::make_shared<ConnectionState>();
  kj::Own<kj::AsyncIoStream> stream;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> system;
};

Daemon::Daemon(kj::AsyncIoContext& io, const DaemonConfig& config)
    : io_(io),
      socket_path_(config.socket),
      lock_(config.socket),
      state_(config.state_directory),
      host_(LoopOf(io), state_, config.socket, config.limits,
            config.accelerator),
      tasks_(*this) {
  state_.CleanUp(Log);
  receiver_ = io.lowLevelProvider->wrapListenSocketFd(
      ListenAt(config.socket), kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK);
  if (!config.metrics.empty()) {
    metrics_.emplace(io, "--metrics ", config.metrics,
                     [this]() -> kj::Promise<std::string> {
                       return DaemonMetrics(host_, connections_.size());
                     });
    Log("metrics at " + metrics_->Where());
    tasks_.add(metrics_->Serve());
  }
  if (config.lifetime_fd) {
    lifetime_ =
        io.lowLevelProvider->wrapSocketFd(kj::AutoCloseFd(*config.lifetime_fd));
  }
}

Daemon::~Daemon() noexcept {
  unlink(socket_path_.c_str());
  state_.Remove();
}

void Daemon::Run(kj::WaitScope& scope) {
  Log("serving " + socket_path_);
  std::string why;
  {
    auto accepting = AcceptLoop().eagerlyEvaluate(nullptr);
    why = WhenToEnd().wait(scope);
  }
  Log("ending: " + why);
  connections_.clear();
  // Capabilities that connections dropped end their machines; a signal can't
  // fail to end a QEMU, save one that the kernel holds.
  bool empty =
      host_.WhenEmpty()
          .then([]() { return true; })
          .exclusiveJoin(
              io_.provider->getTimer().afterDelay(kEndDeadline).then([]() {
                return false;
              }))
          .wait(scope);
  if (!empty) Log("a QEMU did not end within 10 s; the next start removes it");
}

kj::Promise<void> Daemon::AcceptLoop() {
  return kj::evalNow([this]() { return receiver_->accept(); })
      .then([this](kj::Own<kj::AsyncIoStream> stream) -> kj::Promise<void> {
        Accept(kj::mv(stream));
        return kj::READY_NOW;
      })
      .catch_([this](kj::Exception&& exception) {
        // Most likely out of descriptors. Connections that end give some back.
        Log(std::string("can't accept a connection: ") +
            exception.getDescription().cStr());
        return io_.provider->getTimer().afterDelay(kAcceptPause);
      })
      .then([this]() { return AcceptLoop(); });
}

void Daemon::Accept(kj::Own<kj::AsyncIoStream> stream) {
  if (connections_.size() >= kMaxConnections) {
    Log("refused a connection: there are " + std::to_string(kMaxConnections));
    return;
  }
  int fd = -1;
  KJ_IF_MAYBE (number, stream->getFd()) fd = *number;
  Credentials peer = PeerCredentials(fd);
  const auto of_user = std::ranges::count_if(
      connections_,
      [&](const auto& item) { return item.second->uid == peer.uid; });
  // The one whose process this is, and root, could end it as well.
  if (peer.uid != 0 && peer.uid != geteuid() &&
      static_cast<size_t>(of_user) >= kMaxConnectionsPerUser) {
    Log("refused a connection of user " + std::to_string(peer.uid) +
        ", who has " + std::to_string(kMaxConnectionsPerUser));
    return;
  }
  const uint32_t id = ++last_connection_;
  auto connection =
      kj::heap<Connection>(*this, kj::mv(stream), std::move(peer));
  tasks_.add(connection->network.onDisconnect().then([this, id]() {
    connections_.erase(id);
    if (unused_) unused_->fulfill();
  }));
  connections_.emplace(id, kj::mv(connection));
}

bool Daemon::IsUsed() const {
  return std::ranges::any_of(
      connections_, [](const auto& item) { return item.second->state->stays; });
}

// Resolves when all clients that a private daemon stays for are gone.
kj::Promise<void> Daemon::WhenUnused() {
  if (!IsUsed()) return kj::READY_NOW;
  auto paf = kj::newPromiseAndFulfiller<void>();
  unused_ = kj::mv(paf.fulfiller);
  return paf.promise.then([this]() { return WhenUnused(); });
}

// The starter waits until it is told that the daemon stays, or until it ends.
kj::Promise<void> Daemon::StarterDone() {
  static constexpr char kStays = 's';
  auto told = kj::Promise<void>(kj::READY_NOW);
  if (IsUsed()) {
    // A starter that is gone can't be told, and needn't. Its socket's error may
    // be thrown by write() itself.
    told = kj::evalNow([this]() {
             return lifetime_->write(&kStays, 1);
           }).catch_([](kj::Exception&&) {});
  }
  return told.then([this]() { return WhenUnused(); });
}

kj::Promise<std::string> Daemon::WhenToEnd() {
  const auto on_signal = [this](int number, const char* name) {
    return io_.unixEventPort.onSignal(number).then(
        [name](siginfo_t&&) { return std::string("got ") + name; });
  };
  auto end =
      on_signal(SIGTERM, "SIGTERM").exclusiveJoin(on_signal(SIGINT, "SIGINT"));
  if (lifetime_.get() == nullptr) return end;
  return end.exclusiveJoin(
      lifetime_->tryRead(&lifetime_byte_, 1, 1)
          .catch_([](kj::Exception&&) -> size_t { return 0; })
          .then([this](size_t) { return StarterDone(); })
          .then([]() {
            return std::string(
                "the clients of this private daemon are "
                "gone");
          }));
}

void Daemon::taskFailed(kj::Exception&& exception) {
  Log(std::string("internal: ") + exception.getDescription().cStr());
}

}  // namespace ebbrt::iaas
