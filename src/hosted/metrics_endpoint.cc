#include "hosted/metrics_endpoint.h"

#include <kj/async-io.h>

#include <exception>
#include <future>
#include <memory>
#include <optional>
#include <utility>

#include "common/concat.h"
#include "common/event_manager.h"
#include "hosted/front_end_metrics.h"
#include "platform/log.h"
#include "tools/iaasd/metrics_server.h"
#include "tools/iaasd/signals_blocked.h"

namespace ebbrt::hosted {
namespace {

/// How long core 0 may take to make the page. Its nodes have less.
constexpr auto kPageDeadline = 8 * kj::SECONDS;

struct Started {
  std::string where;
  std::function<void()> stop;
};

template <typename T>
using Fulfiller = kj::Own<kj::CrossThreadPromiseFulfiller<T>>;

/// The page, made on core 0.
kj::Promise<std::string> Page(kj::Timer& timer) {
  auto pair = kj::newPromiseAndCrossThreadFulfiller<std::string>();
  auto fulfiller =
      std::make_shared<Fulfiller<std::string>>(kj::mv(pair.fulfiller));
  EventManager::SpawnRemote(
      [fulfiller] {
        FrontEndMetrics()
            .Finally([fulfiller](Future<std::string> page) {
              try {
                (*fulfiller)->fulfill(page.Get());
              } catch (const std::exception& error) {
                (*fulfiller)
                    ->reject(kj::Exception(kj::Exception::Type::FAILED,
                                           __FILE__, __LINE__,
                                           kj::heapString(error.what())));
              }
            })
            .Detach("making the metrics");
      },
      0);
  return timer.timeoutAfter(kPageDeadline, kj::mv(pair.promise));
}

void Serve(const std::string& address, std::promise<Started>& started) {
  auto io = kj::setupAsyncIo();
  iaas::MetricsServer server(io, "EBBRT_METRICS=", address,
                             [&io] { return Page(io.provider->getTimer()); });
  auto pair = kj::newPromiseAndCrossThreadFulfiller<void>();
  auto stop = std::make_shared<Fulfiller<void>>(kj::mv(pair.fulfiller));
  started.set_value({server.Where(), [stop] { (*stop)->fulfill(); }});
  server.Serve().exclusiveJoin(kj::mv(pair.promise)).wait(io.waitScope);
}

}  // namespace

MetricsEndpoint::MetricsEndpoint(const std::string& address) {
  std::promise<Started> started;
  auto future = started.get_future();
  // The application's signals are for its own threads.
  std::optional<iaas::SignalsBlocked> blocked(std::in_place);
  thread_ = std::thread([address, started = std::move(started)]() mutable {
    try {
      Serve(address, started);
    } catch (const std::exception& error) {
      try {
        started.set_exception(std::current_exception());
      } catch (const std::future_error&) {  // it had begun
        platform::WriteConsole(
            Concat({"ebbrt: no more metrics: ", error.what(), "\n"}));
      }
    }
  });
  blocked.reset();
  try {
    auto [where, stop] = future.get();
    where_ = std::move(where);
    stop_ = std::move(stop);
  } catch (...) {
    thread_.join();
    throw;
  }
}

MetricsEndpoint::~MetricsEndpoint() {
  stop_();
  thread_.join();
}

}  // namespace ebbrt::hosted
