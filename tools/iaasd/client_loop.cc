#include "client_loop.h"

#include <kj/async-unix.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>
#include <utility>

#include "signals_blocked.h"

namespace ebbrt::iaas {
namespace {

// What RPC and KJ put in front of the other side's words.
std::string WithoutPrefixes(std::string text) {
  for (bool again = true; again;) {
    again = false;
    for (const std::string_view prefix :
         {"remote exception: ", "std::exception: "}) {
      if (!text.starts_with(prefix)) continue;
      text.erase(0, prefix.size());
      again = true;
    }
  }
  return text;
}

class IgnoreFailures final : public kj::TaskSet::ErrorHandler {
 public:
  // Every task reports its own failure to whoever waits for it.
  void taskFailed(kj::Exception&&) override {}
};

}  // namespace

// What both threads touch. Outlives the ClientLoop when that is destroyed by
// its own thread.
struct ClientLoop::Shared {
  Shared() : wake(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
    if (wake.get() < 0) {
      throw std::system_error(errno, std::generic_category(), "eventfd");
    }
  }

  std::atomic<bool> connected{true};

  void Wake() {
    const uint64_t one = 1;
    [[maybe_unused]] const ssize_t written =
        write(wake.get(), &one, sizeof one);
  }

  std::deque<Work> Take() {
    uint64_t count;
    [[maybe_unused]] const ssize_t got = read(wake.get(), &count, sizeof count);
    const std::lock_guard lock(mutex);
    return std::exchange(queue, {});
  }

  kj::AutoCloseFd wake;
  std::atomic<uint64_t> last_id{0};
  std::mutex mutex;
  std::deque<Work> queue;  // under the mutex
  bool stop = false;       // under the mutex
  bool ended = false;      // under the mutex
};

namespace {

// Runs posted work until told to stop.
template <typename Shared>
kj::Promise<void> Serve(Shared& shared, kj::UnixEventPort::FdObserver& wake,
                        LoopState& state) {
  return wake.whenBecomesReadable().then(
      [&shared, &wake, &state]() -> kj::Promise<void> {
        for (auto& work : shared.Take()) work(state);
        {
          const std::lock_guard lock(shared.mutex);
          if (shared.stop && shared.queue.empty()) return kj::READY_NOW;
        }
        return Serve(shared, wake, state);
      });
}

}  // namespace

ClientLoop::ClientLoop(kj::AutoCloseFd socket, std::string socket_path,
                       std::shared_ptr<PrivateDaemon> daemon)
    : shared_(std::make_shared<Shared>()),
      socket_path_(std::move(socket_path)),
      daemon_(std::move(daemon)) {
  // The application's signals are for its own threads.
  const SignalsBlocked blocked;
  // As a number: what std::thread runs may not have a destructor that throws.
  thread_ = std::thread([shared = shared_, fd = socket.release()]() mutable {
    Run(std::move(shared), kj::AutoCloseFd(fd));
  });
}

ClientLoop::~ClientLoop() {
  {
    const std::lock_guard lock(shared_->mutex);
    shared_->stop = true;
  }
  shared_->Wake();
  if (std::this_thread::get_id() == thread_.get_id()) {
    thread_.detach();
  } else {
    thread_.join();
  }
}

void ClientLoop::Run(std::shared_ptr<Shared> shared, kj::AutoCloseFd socket) {
  {
    auto io = kj::setupAsyncIo();
    auto stream = io.lowLevelProvider->wrapSocketFd(kj::mv(socket));
    capnp::TwoPartyVatNetwork network(*stream,
                                      capnp::rpc::twoparty::Side::CLIENT);
    auto system = capnp::makeRpcClient(network);
    capnp::MallocMessageBuilder message(8);
    auto vat = message.initRoot<capnp::rpc::twoparty::VatId>();
    vat.setSide(capnp::rpc::twoparty::Side::SERVER);
    kj::UnixEventPort::FdObserver wake(
        io.unixEventPort, shared->wake.get(),
        kj::UnixEventPort::FdObserver::OBSERVE_READ);
    IgnoreFailures ignore;
    kj::TaskSet tasks(ignore);
    LoopState state{.iaas = system.bootstrap(vat).castAs<rpc::Iaas>(),
                    .tasks = tasks,
                    .sessions = {},
                    .nodes = {}};
    tasks.add(network.onDisconnect().then(
        [shared = shared.get()] { shared->connected = false; }));
    Serve(*shared, wake, state).wait(io.waitScope);
  }
  const std::lock_guard lock(shared->mutex);
  shared->ended = true;
  shared->queue.clear();
}

void ClientLoop::Post(Work work) {
  {
    const std::lock_guard lock(shared_->mutex);
    if (shared_->ended) return;
    shared_->queue.push_back(kj::mv(work));
  }
  shared_->Wake();
}

bool ClientLoop::Connected() const { return shared_->connected; }

uint64_t ClientLoop::NewId() { return ++shared_->last_id; }

Error ToError(const std::string& socket_path, const kj::Exception& exception) {
  const std::string said = WithoutPrefixes(exception.getDescription().cStr());
  if (exception.getType() != kj::Exception::Type::DISCONNECTED) {
    return Error(said);
  }
  return Error("lost the connection to the daemon at " + socket_path + " (" +
               said + "); did it end?");
}

}  // namespace ebbrt::iaas
