// The image that the network's system tests talk to (test_network.py).
//
//   port  7  echo; stops reading while more than kMostQueued bytes wait; over
//            UDP too, each datagram by itself
//   port  9  counts until the peer's end of stream, answers with the number
//   port 19  reads a line with a number, sends that many bytes, closes
//   port 20  "exit" ends the node, "throw" throws in the callback
//   port 21  says "wait", blocks its event for a second in the callback, echoes
//   port 22  over UDP: what the node holds (counters.h)
//
// With an argument A.B.C.D:PORT or [V6]:PORT it also connects there and echoes;
// what becomes of the attempt is said on the console. With the argument "self"
// it connects to its own echo at its own address, with "self6" at one of its own
// of IPv6, and says how many bytes came back right. With "addresses" it says all
// its addresses whenever there are others than before.
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "common/event_manager.h"
#include "common/future.h"
#include "common/network_manager.h"
#include "common/runtime.h"
#include "platform/log.h"
#include "tests/system/net/counters.h"
#include "tests/system/net/pattern_sender.h"

namespace ebbrt {
namespace {

constexpr size_t kMostQueued = 4 * 1024 * 1024;

void Say(const std::string& line) { platform::WriteConsole(line + "\n"); }

/// A handler that owns its connection and goes with it.
class Service : public TcpConnection::Handler {
 public:
  explicit Service(std::unique_ptr<TcpConnection> connection)
      : connection_(std::move(connection)) {
    connection_->SetHandler(this);
  }
  void OnClosed(std::error_code) override { delete this; }

 protected:
  std::unique_ptr<TcpConnection> connection_;
};

class Echo : public Service {
 public:
  using Service::Service;
  void OnReceive(std::unique_ptr<IOBuf> data) override {
    connection_->Send(std::move(data));
    if (connection_->QueuedBytes() > kMostQueued) connection_->PauseReceive();
  }
  void OnDrained() override { connection_->ResumeReceive(); }
};

class Count : public Service {
 public:
  using Service::Service;
  void OnReceive(std::unique_ptr<IOBuf> data) override {
    bytes_ += data->ChainLength();
  }
  void OnClosed(std::error_code error) override {
    // The answer is still sent although the connection ends here.
    if (!error) connection_->Send(IOBuf::Copy(std::to_string(bytes_)));
    delete this;
  }

 private:
  uint64_t bytes_ = 0;
};

class Source : public Service {
 public:
  using Service::Service;
  void OnReceive(std::unique_ptr<IOBuf> data) override {
    sender_.Ask(*data);
    sender_.SendSome(*connection_);
  }
  void OnDrained() override { sender_.SendSome(*connection_); }

 private:
  PatternSender sender_;
};

class Control : public Service {
 public:
  using Service::Service;
  void OnReceive(std::unique_ptr<IOBuf> data) override {
    if (data->View().starts_with("exit")) runtime::Exit(0);
    if (data->View().starts_with("throw")) {
      throw std::runtime_error("as the peer wished");
    }
    connection_->Abort();
    delete this;
  }
};

/// What was sent before it blocks must be on its way meanwhile.
class Blocker : public Service {
 public:
  using Service::Service;
  void OnReceive(std::unique_ptr<IOBuf> data) override {
    connection_->Send(IOBuf::Wrap("wait"));
    SleepFor(std::chrono::seconds(1)).Get();
    connection_->Send(std::move(data));
  }
};

template <typename T>
void Serve(uint16_t port) {
  static std::unique_ptr<TcpListener> listener = network_manager->Listen(
      port, [](std::unique_ptr<TcpConnection> connection) {
        new T(std::move(connection));  // deletes itself when it ends
      });
}

void ServeDatagrams(uint16_t port) {
  static std::unique_ptr<UdpSocket> socket = network_manager->BindUdp(
      port, [](Endpoint from, std::unique_ptr<IOBuf> data) {
        socket->SendTo(from, std::move(data));
      });
}

/// Sends itself a mebibyte.
class Self : public Service {
 public:
  explicit Self(std::unique_ptr<TcpConnection> connection)
      : Service(std::move(connection)) {
    auto bytes = IOBuf::Create(kSize);
    for (size_t i = 0; i < kSize; ++i) {
      bytes->WritableTail()[i] = std::byte(i % 251);
    }
    bytes->Append(kSize);
    connection_->Send(std::move(bytes));
  }
  void OnReceive(std::unique_ptr<IOBuf> data) override {
    for (char c : data->ToString()) {
      if (static_cast<unsigned char>(c) != right_ % 251) return;
      ++right_;
    }
    if (right_ < kSize) return;
    Say("echo: from myself " + std::to_string(right_) + " bytes");
    delete this;
  }

 private:
  static constexpr size_t kSize = 1 << 20;
  size_t right_ = 0;
};

/// The address that was found last; waits for one of IPv6.
IpAddress Newest6() {
  for (;;) {
    auto addresses = network_manager->Addresses();
    if (!addresses.empty() && !addresses.back().IsV4()) return addresses.back();
    SleepFor(std::chrono::milliseconds(100)).Get();
  }
}

void WatchAddresses() {
  EventManager::Spawn([] {
    for (std::string before, now;; before = now) {
      now.clear();
      for (const auto& address : network_manager->Addresses()) {
        now += " " + address.ToString();
      }
      if (now != before) Say("echo: addresses" + now);
      SleepFor(std::chrono::milliseconds(100)).Get();
    }
  });
}

void ConnectTo(const std::string& where) {
  if (where == "addresses") return WatchAddresses();
  if (where == "self" || where == "self6") {
    IpAddress self = network_manager->Address();
    if (where == "self6") self = Newest6();
    new Self(network_manager->Connect({self, 7}).Get());
    return;
  }
  auto remote = Endpoint::Parse(where);
  if (!remote) {
    Say("echo: '" + where + "' is no endpoint");
    return;
  }
  try {
    new Echo(network_manager->Connect(*remote).Get());
    Say("echo: connected");
  } catch (const std::exception& error) {
    Say(std::string("echo: ") + error.what());
  }
}

}  // namespace

void AppMain() {
  try {
    network_manager->Up().Get();
  } catch (const std::exception& error) {
    Say(std::string("echo: no network: ") + error.what());
    runtime::Exit(1);
  }
  Serve<Echo>(7);
  ServeDatagrams(7);
  Serve<Count>(9);
  Serve<Source>(19);
  Serve<Control>(20);
  Serve<Blocker>(21);
  ServeCounters(22);
  Say("echo: up at " + network_manager->Address().ToString());
  for (const auto& argument : runtime::Arguments()) ConnectTo(argument);
}

}  // namespace ebbrt
