// The image that test_conformance.py drives: connections that do as told.
//
//   UDP port 4  orders, a datagram each, and their answers (see Obey)
//   TCP port 9  takes what comes and does nothing by itself; so does what the
//               node connects to. The peer's end of stream leaves ours open
//
// Besides, what programs on Linux talk to: port 80 of HTTP (page.h), port 5201
// of iperf3 (iperf_server.h). With the argument "ipv6" it is ready when it has
// the address of ebbrt.ip6 too.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "common/event_manager.h"
#include "common/future.h"
#include "common/network_manager.h"
#include "common/runtime.h"
#include "lwip/priv/tcp_priv.h"
#include "native/network/address.h"
#include "platform/log.h"
#include "tests/system/net/iperf_server.h"
#include "tests/system/net/page.h"

namespace ebbrt {
namespace {

constexpr uint16_t kOrders = 4;
constexpr uint16_t kTaker = 9;
/// Of what was received; all of it is counted.
constexpr size_t kMostShown = 1024;

/// Bytes of which each tells its place: i % 251.
std::unique_ptr<IOBuf> Pattern(size_t bytes) {
  auto buffer = IOBuf::Create(bytes);
  for (size_t i = 0; i < bytes; ++i) {
    buffer->WritableTail()[i] = std::byte(i % 251);
  }
  buffer->Append(bytes);
  return buffer;
}

/// A connection that keeps what it receives and does nothing by itself.
class Taker : public TcpConnection::Handler {
 public:
  void Take(std::unique_ptr<TcpConnection> connection) {
    connection_ = std::move(connection);
    connection_->SetHandler(this);
    connection_->AllowHalfOpen();
    state_ = "open";
  }
  void Fail(const std::exception& error) { state_ = error.what(); }

  void OnReceive(std::unique_ptr<IOBuf> data) override {
    bytes_ += data->ChainLength();
    if (shown_.size() < kMostShown) shown_ += data->ToString();
  }
  void OnEnd() override { state_ = "ended"; }
  void OnClosed(std::error_code error) override {
    state_ = error ? error.message() : "closed";
    connection_.reset();
  }

  TcpConnection& Connection() {
    if (connection_ == nullptr) throw std::runtime_error(state_);
    return *connection_;
  }
  std::string Tell() const {
    return std::to_string(bytes_) + " " + state_ + "\n" +
           shown_.substr(0, kMostShown);
  }
  void Close() {
    Connection().Close();
    state_ = "closing";
  }
  void Abort() {
    Connection().Abort();
    connection_.reset();
    state_ = "aborted";
  }

 private:
  std::unique_ptr<TcpConnection> connection_;
  std::string state_ = "connecting";
  std::string shown_;
  uint64_t bytes_ = 0;
};

/// By the peer's endpoint; the latest with it.
std::map<std::string, std::shared_ptr<Taker>> takers;

void ConnectTo(const std::string& where, uint16_t from) {
  auto remote = Endpoint::Parse(where);
  if (!remote) throw std::runtime_error(where + " is no endpoint");
  auto taker = std::make_shared<Taker>();
  takers[where] = taker;
  EventManager::Spawn([taker, remote = *remote, from] {
    try {
      taker->Take(network_manager->Connect(remote, Endpoint{{}, from}).Get());
    } catch (const std::exception& error) {
      taker->Fail(error);
    }
  });
}

/// No interface has these times, and two hours are too long for a test: lwIP's
/// control block is told, in milliseconds.
void KeepAlive(const Endpoint& remote, uint32_t idle, uint32_t interval,
               uint32_t count) {
  for (tcp_pcb* pcb = tcp_active_pcbs; pcb != nullptr; pcb = pcb->next) {
    if (pcb->remote_port == remote.port &&
        network::FromLwip(pcb->remote_ip) == remote.address) {
      pcb->keep_idle = idle;
      pcb->keep_intvl = interval;
      pcb->keep_cnt = count;
    }
  }
}

/// Does what `order` says: VERB [ENDPOINT [NUMBER...]], the endpoint being the
/// connection's other end.
std::string Obey(const std::string& order) {
  std::istringstream words(order);
  std::string verb, peer;
  words >> verb >> peer;
  auto number = [&words] {
    uint32_t value = 0;
    if (!(words >> value)) throw std::runtime_error("a number is missing");
    return value;
  };
  if (verb == "ping") return "pong";
  if (verb == "connect") {
    ConnectTo(peer, static_cast<uint16_t>(number()));
    return "done";
  }
  auto found = takers.find(peer);
  if (found == takers.end()) return "no connection with " + peer;
  Taker& taker = *found->second;
  if (verb == "tell") return taker.Tell();
  if (verb == "send") {
    taker.Connection().Send(Pattern(number()));
  } else if (verb == "pause") {
    taker.Connection().PauseReceive();
  } else if (verb == "resume") {
    taker.Connection().ResumeReceive();
  } else if (verb == "end") {
    taker.Connection().EndSend();
  } else if (verb == "close") {
    taker.Close();
  } else if (verb == "abort") {
    taker.Abort();
  } else if (verb == "keepalive") {
    uint32_t idle = number(), interval = number(), count = number();
    KeepAlive(taker.Connection().Remote(), idle, interval, count);
  } else {
    return "no such order: " + order;
  }
  return "done";
}

void TakeOrders() {
  static std::unique_ptr<UdpSocket> socket = network_manager->BindUdp(
      kOrders, [](Endpoint from, std::unique_ptr<IOBuf> order) {
        std::string answer;
        try {
          answer = Obey(order == nullptr ? "" : order->ToString());
        } catch (const std::exception& error) {
          answer = error.what();
        }
        socket->SendTo(from, IOBuf::Copy(answer));
      });
}

void AcceptTakers() {
  static std::unique_ptr<TcpListener> listener = network_manager->Listen(
      kTaker, [](std::unique_ptr<TcpConnection> connection) {
        auto& taker = takers[connection->Remote().ToString()];
        taker = std::make_shared<Taker>();
        taker->Take(std::move(connection));
      });
}

/// Up() is content with an address of IPv4.
void AwaitIpv6() {
  auto is_static = [](const IpAddress& address) {
    return !address.IsV4() && !address.IsLinkLocal();
  };
  while (!std::ranges::any_of(network_manager->Addresses(), is_static)) {
    SleepFor(std::chrono::milliseconds(50)).Get();
  }
}

}  // namespace

void AppMain() {
  network_manager->Up().Get();
  if (runtime::Arguments() == std::vector<std::string>{"ipv6"}) AwaitIpv6();
  TakeOrders();
  AcceptTakers();
  ServePage(80);
  ServeIperf(5201);
  platform::WriteConsole("conform: up\n");
}

}  // namespace ebbrt
