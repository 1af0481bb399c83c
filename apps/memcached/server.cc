#include "apps/memcached/server.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "common/listen_on_all_cores.h"
#include "common/rcu.h"
#include "common/run_on.h"

namespace ebbrt::memcached {
namespace {

constexpr std::chrono::seconds kTick{1};
/// What is swept of the table in each: so much that it takes a minute for all
/// of a large one, and a moment for a small one.
constexpr size_t kSweeps = 60;
constexpr size_t kLeastSwept = 4096;

}  // namespace

Endpoint Server::Listen(const Settings& settings) {
  service_.settings = settings;
  // What retires what a core takes out of the store, before it is needed.
  RunOnEveryCore([] { (void)rcu.Rep(); }).Get();
  listener_ = ListenOnAllCores(
      {{}, settings.port},
      [this](std::unique_ptr<TcpConnection> tcp) { Accept(std::move(tcp)); });
  service_.settings.port = listener_->Local().port;
  if (settings.udp_port != 0) udp_.emplace(settings.udp_port, service_);
  SweepLater();
  return {network_manager->Address(), listener_->Local().port};
}

void Server::Accept(std::unique_ptr<TcpConnection> tcp) {
  if (open_.fetch_add(1) >= service_.settings.max_connections) {
    --open_;
    ++service_.counters.Mine().rejected;
    constexpr std::string_view kFull = "ERROR Too many open connections\r\n";
    tcp->Send(IOBuf::Wrap(kFull));
    tcp->Close();
    return;
  }
  Core& core = cores_[platform::CurrentCore()];
  auto& connections = core.connections;
  try {
    std::list<std::unique_ptr<Connection>> added(1);
    auto place = added.begin();
    *place = std::make_unique<Connection>(std::move(tcp), service_,
                                          [this, &connections, place] {
                                            connections.erase(place);
                                            --open_;
                                          });
    connections.splice(connections.end(), added);
  } catch (...) {
    --open_;
    throw;
  }
  if (!core.tick.Running()) core.tick.Start(kTick, [&core] { core.Tick(); });
}

void Server::Core::Tick() {
  for (auto i = connections.begin(); i != connections.end();) {
    Connection& connection = **i++;
    connection.Tick();  // perhaps its last
  }
  if (!connections.empty()) tick.Start(kTick, [this] { Tick(); });
}

void Server::SweepLater() {
  sweep_.Start(kTick, [this] {
    SweepLater();
    Store& items = service_.store;
    const size_t all = items.Buckets();
    items.Sweep(std::min(std::max(all / kSweeps, kLeastSwept), all),
                Clock::now());
  });
}

}  // namespace ebbrt::memcached
