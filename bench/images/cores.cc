// The server of bench/cores: the exchange's on every core, and port 5003, which
// answers whatever comes with a line: the requests that each core has served.
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "bench/images/exchange.h"
#include "common/iobuf.h"
#include "common/listen_on_all_cores.h"
#include "common/network_manager.h"
#include "common/relaxed.h"
#include "common/runtime.h"
#include "platform/core.h"
#include "platform/log.h"

namespace ebbrt {
namespace {

constexpr uint16_t kReportPort = 5003;

/// By its core; the report may be a request late.
struct alignas(64) Served {
  Relaxed<uint64_t> requests = 0;
};
std::array<Served, 64> served;

class Counted final : public Exchange {
 public:
  using Exchange::Exchange;
  void OnReceive(std::unique_ptr<IOBuf> data) override {
    ++served[platform::CurrentCore()].requests;
    Exchange::OnReceive(std::move(data));
  }
};

class Report final : public TcpConnection::Handler {
 public:
  explicit Report(std::unique_ptr<TcpConnection> connection)
      : connection_(std::move(connection)) {
    connection_->SetHandler(this);
  }
  void OnReceive(std::unique_ptr<IOBuf>) override {
    std::string line;
    for (size_t core = 0; core < platform::CoreCount(); ++core) {
      line += std::to_string(served[core].requests.Load()) + " ";
    }
    connection_->Send(IOBuf::Copy(line + "\n"));
  }
  void OnClosed(std::error_code) override { delete this; }

 private:
  std::unique_ptr<TcpConnection> connection_;
};

}  // namespace

void AppMain() {
  network_manager->Up().Get();
  static auto exchanges = ListenOnAllCores(
      {{}, kExchangePort}, [](std::unique_ptr<TcpConnection> connection) {
        new Counted(std::move(connection));  // deletes itself at the end
      });
  static auto reports = network_manager->Listen(
      kReportPort, [](std::unique_ptr<TcpConnection> connection) {
        new Report(std::move(connection));  // likewise
      });
  platform::WriteConsole("bench: ready\n");
}

}  // namespace ebbrt
