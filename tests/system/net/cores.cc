// The image of test_cores.py: ports that every core serves, and ports of one
// core.
//
//   port  7  echo, on all cores
//   port  8  echo, on core 0 alone; also of datagrams
//   port  9  echo, on the last core alone; also of datagrams
//   port 19  sends what is asked for, as net/echo.cc, on all cores
//   port 20  on core 0: "report" is answered with a line of words for each core,
//            "CORE ACCEPTED OPEN CALLBACKS"; "stop" ends listening at port 7
//
// With an argument A.B.C.D:PORT each core that has a stack connects there, says
// "core N" and echoes.
#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/event_manager.h"
#include "common/listen_on_all_cores.h"
#include "common/network_manager.h"
#include "common/run_on.h"
#include "common/runtime.h"
#include "platform/core.h"
#include "platform/log.h"
#include "tests/system/net/pattern_sender.h"

namespace ebbrt {
namespace {

constexpr size_t kMostQueued = 4 * 1024 * 1024;

void Say(const std::string& line) { platform::WriteConsole(line + "\n"); }

/// Written by its core alone.
struct alignas(64) Counts {
  std::atomic<uint64_t> accepted{0};
  std::atomic<uint64_t> open{0};
  std::atomic<uint64_t> callbacks{0};
};
std::array<Counts, 64> counts;

void Add(std::atomic<uint64_t>& count, int n) {
  count.store(count.load(std::memory_order_relaxed) + static_cast<uint64_t>(n),
              std::memory_order_relaxed);
}

/// A handler that owns its connection and goes with it, all on one core.
class Service : public TcpConnection::Handler {
 public:
  explicit Service(std::unique_ptr<TcpConnection> connection)
      : connection_(std::move(connection)) {
    connection_->SetHandler(this);
    Add(Mine().accepted, 1);
    Add(Mine().open, 1);
  }
  ~Service() override { Add(Mine().open, -1); }
  void OnReceive(std::unique_ptr<IOBuf> data) override {
    Add(Mine().callbacks, 1);
    OnData(std::move(data));
  }
  void OnClosed(std::error_code) override { delete this; }

 protected:
  virtual void OnData(std::unique_ptr<IOBuf> data) = 0;
  Counts& Mine() {
    EBBRT_CHECK(platform::CurrentCore() == core_,
                "a connection's callback ran on another core");
    return counts[core_];
  }

  std::unique_ptr<TcpConnection> connection_;

 private:
  const CoreId core_ = platform::CurrentCore();
};

class Echo : public Service {
 public:
  using Service::Service;
  void OnData(std::unique_ptr<IOBuf> data) override {
    connection_->Send(std::move(data));
    if (connection_->QueuedBytes() > kMostQueued) connection_->PauseReceive();
  }
  void OnDrained() override { connection_->ResumeReceive(); }
};

class Source : public Service {
 public:
  using Service::Service;
  void OnData(std::unique_ptr<IOBuf> data) override {
    sender_.Ask(*data);
    sender_.SendSome(*connection_);
  }
  void OnDrained() override { sender_.SendSome(*connection_); }

 private:
  PatternSender sender_;
};

std::unique_ptr<TcpListener> echo_listener;

class Control : public Service {
 public:
  using Service::Service;
  void OnData(std::unique_ptr<IOBuf> data) override {
    if (data->View().starts_with("stop")) echo_listener.reset();
    std::string report;
    for (size_t core = 0; core < platform::CoreCount(); ++core) {
      report += std::to_string(core) + " " +
                std::to_string(counts[core].accepted) + " " +
                std::to_string(counts[core].open) + " " +
                std::to_string(counts[core].callbacks) + "\n";
    }
    connection_->Send(IOBuf::Copy(report + "\n"));
  }
};

template <typename T>
void Make(std::unique_ptr<TcpConnection> connection) {
  new T(std::move(connection));  // deletes itself when it ends
}

/// On the calling core alone; for ever.
void ServeAlone(uint16_t port) {
  (void)network_manager->Listen(port, &Make<Echo>).release();
  auto* socket = new std::unique_ptr<UdpSocket>;
  *socket = network_manager->BindUdp(
      port, [socket](Endpoint from, std::unique_ptr<IOBuf> data) {
        (*socket)->SendTo(from, std::move(data));
      });
}

void ConnectTo(Endpoint remote) {
  try {
    auto connection = network_manager->Connect(remote).Get();
    connection->Send(
        IOBuf::Copy("core " + std::to_string(platform::CurrentCore()) + "\n"));
    Make<Echo>(std::move(connection));
  } catch (const std::exception& error) {
    Say(std::string("cores: ") + error.what());
  }
}

/// Whether this core has a stack.
bool IsServed() {
  try {
    (void)network_manager->Address();
    return true;
  } catch (const std::runtime_error&) {
    return false;
  }
}

}  // namespace

void AppMain() {
  try {
    network_manager->Up().Get();
  } catch (const std::exception& error) {
    Say(std::string("cores: no network: ") + error.what());
    runtime::Exit(1);
  }
  echo_listener = ListenOnAllCores({{}, 7}, &Make<Echo>);
  static auto source = ListenOnAllCores({{}, 19}, &Make<Source>);
  static auto control = network_manager->Listen(20, &Make<Control>);
  ServeAlone(8);
  CoreId last = static_cast<CoreId>(platform::CoreCount() - 1);
  while (last > 0 && !RunOn(last, &IsServed).Get()) --last;
  if (last > 0) RunOn(last, [] { ServeAlone(9); }).Get();
  Say("cores: up at " + network_manager->Address().ToString() + " on " +
      std::to_string(last + 1));
  for (const auto& argument : runtime::Arguments()) {
    auto remote = Endpoint::Parse(argument);
    if (!remote) continue;
    for (CoreId core = 0; core <= last; ++core) {
      EventManager::SpawnRemote([remote] { ConnectTo(*remote); }, core);
    }
  }
}

}  // namespace ebbrt
