// A page of metrics over HTTP, at /metrics. The daemon's and a front-end's.
#pragma once

#include <kj/async-io.h>
#include <kj/compat/http.h>

#include <functional>
#include <string>

namespace ebbrt::iaas {

// Serves for as long as it lives, on the thread of its event loop.
class MetricsServer {
 public:
  // The page, made anew for each request. If it fails the answer is 503 with
  // the reason.
  using Text = std::function<kj::Promise<std::string>()>;

  // Listens at "PORT", which means 127.0.0.1's, or "ADDRESS:PORT"; port 0 is a
  // free one. `option` is what the user has given the address by, such as
  // "--metrics ", for errors. Throws UserError.
  MetricsServer(kj::AsyncIoContext& io, const std::string& option,
                const std::string& address, Text text);

  // Where it listens, ADDRESS:PORT.
  std::string Where();

  // Serves; rejected if it can't go on.
  kj::Promise<void> Serve() { return server_.listenHttp(*receiver_); }

 private:
  class Service;

  const std::string address_;
  kj::Own<kj::ConnectionReceiver> receiver_;
  kj::HttpHeaderTable headers_;
  kj::Own<kj::HttpService> service_;
  kj::HttpServer server_;
};

}  // namespace ebbrt::iaas
