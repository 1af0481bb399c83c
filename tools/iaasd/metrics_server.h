// What the daemon counts, over HTTP, in Prometheus' text format.
//
// Whoever reaches the address reads it, whatever their user id: it tells how
// many nodes there are and what each costs the host, never whose they are, what
// they run or how they were started.
#pragma once

#include <kj/async-io.h>
#include <kj/compat/http.h>

#include <functional>
#include <string>

#include "node_host.h"

namespace ebbrt::iaas {

// The page itself. `connections` is how many clients the daemon has.
std::string MetricsText(const NodeHost& host, size_t connections);

// Serves the page at /metrics for as long as it lives.
class MetricsServer {
 public:
  // Listens at "PORT", which means 127.0.0.1's, or "ADDRESS:PORT"; port 0 is a
  // free one, which the log tells. Throws UserError.
  MetricsServer(kj::AsyncIoContext& io, const std::string& address,
                std::function<std::string()> text);

  // Serves; rejected if it can't go on.
  kj::Promise<void> Serve() { return server_.listenHttp(*receiver_); }

 private:
  class Service;

  kj::Own<kj::ConnectionReceiver> receiver_;
  kj::HttpHeaderTable headers_;
  kj::Own<kj::HttpService> service_;
  kj::HttpServer server_;
};

}  // namespace ebbrt::iaas
