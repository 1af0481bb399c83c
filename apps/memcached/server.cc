#include "apps/memcached/server.h"

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

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
  listener_ = network_manager->Listen(
      settings.port,
      [this](std::unique_ptr<TcpConnection> tcp) { Accept(std::move(tcp)); });
  service_.settings.port = listener_->Local().port;
  if (settings.udp_port != 0) udp_.emplace(settings.udp_port, service_);
  TickLater();
  return {network_manager->Address(), listener_->Local().port};
}

void Server::Accept(std::unique_ptr<TcpConnection> tcp) {
  if (connections_.size() >= service_.settings.max_connections) {
    ++service_.counters.rejected;
    constexpr std::string_view kFull = "ERROR Too many open connections\r\n";
    tcp->Send(IOBuf::Wrap(kFull));
    tcp->Close();
    return;
  }
  auto place = connections_.emplace(connections_.end());
  try {
    *place = std::make_unique<Connection>(
        std::move(tcp), service_, [this, place] { connections_.erase(place); });
  } catch (...) {
    connections_.erase(place);
    throw;
  }
}

void Server::TickLater() {
  tick_.Start(kTick, [this] {
    TickLater();
    Store& items = service_.store;
    size_t part = std::max(items.Buckets() / kSweeps, kLeastSwept);
    items.Sweep(std::min(part, items.Buckets()), Clock::now());
    for (auto i = connections_.begin(); i != connections_.end();) {
      Connection& connection = **i++;
      connection.Tick();  // perhaps its last
    }
  });
}

}  // namespace ebbrt::memcached
