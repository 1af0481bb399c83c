#include "tests/system/net/iperf_server.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "common/network_manager.h"

namespace ebbrt {
namespace {

constexpr size_t kCookie = 37;
constexpr size_t kPiece = 128 * 1024;
constexpr size_t kMostQueued = 1024 * 1024;

enum State : char {
  kTestStart = 1,
  kTestRunning = 2,
  kTestEnd = 4,
  kParameters = 9,
  kCreateStreams = 10,
  kExchangeResults = 13,
  kDisplayResults = 14,
  kDone = 16,
};

/// The number behind "name": in a flat JSON object; `otherwise` without it.
uint64_t NumberOf(const std::string& json, const std::string& name,
                  uint64_t otherwise) {
  size_t at = json.find('"' + name + "\":");
  if (at == std::string::npos) return otherwise;
  return std::stoull(json.substr(at + name.size() + 3));
}

class Test;

/// A connection before its cookie says what it is, and then a stream.
class Stream : public TcpConnection::Handler {
 public:
  explicit Stream(std::unique_ptr<TcpConnection> connection)
      : connection_(std::move(connection)) {
    connection_->SetHandler(this);
  }

  void OnReceive(std::unique_ptr<IOBuf> data) override;
  void OnDrained() override { SendMore(); }
  void OnClosed(std::error_code) override {
    connection_.reset();
    if (cookie_.size() < kCookie) delete this;  // nobody's
  }

  void StartSending() {
    sends_ = true;
    SendMore();
  }
  void StopSending() { sends_ = false; }
  uint64_t Bytes() const { return bytes_; }

 private:
  void SendMore() {
    while (sends_ && connection_ != nullptr &&
           connection_->QueuedBytes() < kMostQueued) {
      connection_->Send(IOBuf::Copy(std::string(kPiece, 'i')));
      bytes_ += kPiece;
    }
  }

  std::unique_ptr<TcpConnection> connection_;
  std::string cookie_;
  uint64_t bytes_ = 0;
  bool sends_ = false;
};

/// The control connection of a test, and the streams.
class Test : public TcpConnection::Handler {
 public:
  Test(std::unique_ptr<TcpConnection> connection, std::string cookie)
      : connection_(std::move(connection)), cookie_(std::move(cookie)) {
    connection_->SetHandler(this);
    Say(kParameters);
  }

  bool Owns(const std::string& cookie) const { return cookie == cookie_; }
  void Add(std::unique_ptr<Stream> stream) {
    streams_.push_back(std::move(stream));
    if (streams_.size() < wanted_) return;
    Say(kTestStart);
    Say(kTestRunning);
    if (!reverse_) return;
    for (auto& each : streams_) each->StartSending();
  }

  void OnReceive(std::unique_ptr<IOBuf> data) override {
    said_ += data->ToString();
    while (Step()) {
    }
  }
  void OnClosed(std::error_code) override;

 private:
  void Say(State state) {
    connection_->Send(IOBuf::Copy(std::string(1, state)));
    state_ = state;
  }

  /// Takes one thing that the client said. False: not all of it is here.
  bool Step() {
    if (state_ == kParameters || state_ == kExchangeResults) {
      std::string json;
      if (!TakeJson(json)) return false;
      if (state_ == kParameters) {
        wanted_ = NumberOf(json, "parallel", 1);
        reverse_ = json.find("\"reverse\":true") != std::string::npos;
        Say(kCreateStreams);
      } else {
        SendResults();
        Say(kDisplayResults);
      }
      return true;
    }
    if (said_.empty()) return false;
    char state = said_.front();
    said_.erase(0, 1);
    if (state == kTestEnd) {
      for (auto& each : streams_) each->StopSending();
      Say(kExchangeResults);
    }
    return state != kDone;
  }

  bool TakeJson(std::string& json) {
    if (said_.size() < 4) return false;
    size_t length = 0;
    for (int i = 0; i < 4; ++i) length = length << 8 | uint8_t(said_[i]);
    if (said_.size() < 4 + length) return false;
    json = said_.substr(4, length);
    said_.erase(0, 4 + length);
    return true;
  }

  void SendResults() {
    std::string json =
        "{\"cpu_util_total\":0,\"cpu_util_user\":0,\"cpu_util_system\":0,"
        "\"sender_has_retransmits\":0,\"streams\":[";
    for (size_t i = 0; i < streams_.size(); ++i) {
      // Its ids are 1, 3, 4, 5 ...
      json += (i == 0 ? "" : ",") + std::string("{\"id\":") +
              std::to_string(i == 0 ? 1 : i + 2) +
              ",\"bytes\":" + std::to_string(streams_[i]->Bytes()) +
              ",\"retransmits\":-1,\"jitter\":0,\"errors\":0,\"packets\":0,"
              "\"start_time\":0,\"end_time\":1}";
    }
    json += "]}";
    std::string length;
    for (int shift = 24; shift >= 0; shift -= 8) {
      length += static_cast<char>(json.size() >> shift);
    }
    connection_->Send(IOBuf::Copy(length + json));
  }

  std::unique_ptr<TcpConnection> connection_;
  std::string cookie_;
  std::string said_;
  std::vector<std::unique_ptr<Stream>> streams_;
  State state_ = kParameters;
  size_t wanted_ = 1;
  bool reverse_ = false;
};

/// One at a time, as iperf3 has it; the next ends the last.
std::unique_ptr<Test> test;

void Test::OnClosed(std::error_code) { test.reset(); }

void Stream::OnReceive(std::unique_ptr<IOBuf> data) {
  if (cookie_.size() == kCookie) {
    bytes_ += data->ChainLength();
    return;
  }
  std::string bytes = data->ToString();
  size_t missing = std::min(kCookie - cookie_.size(), bytes.size());
  cookie_ += bytes.substr(0, missing);
  if (cookie_.size() < kCookie) return;
  bytes_ += bytes.size() - missing;
  std::unique_ptr<Stream> self(this);
  if (test != nullptr && test->Owns(cookie_)) {
    test->Add(std::move(self));
  } else {
    test = std::make_unique<Test>(std::move(connection_), cookie_);
  }
}

}  // namespace

void ServeIperf(uint16_t port) {
  static std::unique_ptr<TcpListener> listener = network_manager->Listen(
      port, [](std::unique_ptr<TcpConnection> connection) {
        new Stream(std::move(connection));  // its cookie says whose it is
      });
}

}  // namespace ebbrt
