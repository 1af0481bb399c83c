#include "metrics_server.h"

#include <utility>

#include "metrics_page.h"
#include "user_error.h"

namespace ebbrt::iaas {
namespace {

constexpr char kNotFound[] = "The metrics are at /metrics.\n";

// Letters would be a name, which somebody would have to be asked for.
bool IsNumeric(const std::string& address) {
  return !address.empty() &&
         address.find_first_not_of("0123456789abcdefABCDEF.:[]") ==
             std::string::npos;
}

std::string Completed(const std::string& address) {
  const bool alone =
      address.find_first_not_of("0123456789") == std::string::npos;
  return alone ? "127.0.0.1:" + address : address;
}

kj::Own<kj::ConnectionReceiver> Listen(kj::AsyncIoContext& io,
                                       const std::string& option,
                                       const std::string& address) {
  const auto fail = [&](const std::string& why) -> UserError {
    return UserError(option + address + ": " + why +
                     "; it takes PORT or ADDRESS:PORT, such as 9470 or "
                     "127.0.0.1:9470");
  };
  const std::string completed = Completed(address);
  if (!IsNumeric(address) || completed.find(':') == std::string::npos) {
    throw fail("not a numeric address with a port");
  }
  try {
    return io.provider->getNetwork()
        .parseAddress(completed)
        .wait(io.waitScope)
        ->listen();
  } catch (const kj::Exception& exception) {
    throw fail(exception.getDescription().cStr());
  }
}

}  // namespace

class MetricsServer::Service final : public kj::HttpService {
 public:
  Service(kj::HttpHeaderTable& table, Text text)
      : table_(table), text_(std::move(text)) {}

  kj::Promise<void> request(kj::HttpMethod method, kj::StringPtr url,
                            const kj::HttpHeaders&, kj::AsyncInputStream&,
                            Response& response) override {
    const bool reads =
        method == kj::HttpMethod::GET || method == kj::HttpMethod::HEAD;
    if (!reads) return Answer(response, 405, "Method Not Allowed", kNotFound);
    if (url != "/metrics") {
      return Answer(response, 404, "Not Found", kNotFound);
    }
    return kj::evalNow(text_).then(
        [this, &response](std::string text) {
          return Answer(response, 200, "OK", std::move(text));
        },
        [this, &response](kj::Exception&& exception) {
          return Answer(response, 503, "Service Unavailable",
                        std::string(exception.getDescription().cStr()) + "\n");
        });
  }

 private:
  kj::Promise<void> Answer(Response& response, unsigned status,
                           kj::StringPtr word, std::string text) {
    kj::HttpHeaders headers(table_);
    headers.set(kj::HttpHeaderId::CONTENT_TYPE, MetricsPage::kContentType);
    auto body = kj::heap<std::string>(std::move(text));
    auto stream = response.send(status, word, headers, body->size());
    auto written = stream->write(body->data(), body->size());
    return written.attach(kj::mv(stream), kj::mv(body));
  }

  kj::HttpHeaderTable& table_;
  Text text_;
};

MetricsServer::MetricsServer(kj::AsyncIoContext& io, const std::string& option,
                             const std::string& address, Text text)
    : address_(Completed(address)),
      receiver_(Listen(io, option, address)),
      service_(kj::heap<Service>(headers_, std::move(text))),
      server_(io.provider->getTimer(), headers_, *service_) {}

std::string MetricsServer::Where() {
  return address_.substr(0, address_.rfind(':') + 1) +
         std::to_string(receiver_->getPort());
}

}  // namespace ebbrt::iaas
