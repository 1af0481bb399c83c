// A peer of a messenger that the test speaks frames for, right or wrong.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/frame.h"
#include "common/messenger.h"
#include "common/network_manager.h"
#include "common/protocol.h"
#include "common/runtime.h"
#include "common/timer.h"

namespace ebbrt {

/// The one port on which this process's messenger listens.
inline Endpoint MessengerEndpoint() {
  static uint16_t port = messenger->Listen(runtime::Boot().secret).port;
  return {Ipv4Address{0x7F000001}, port};
}

/// A connection to or from a messenger that collects what comes back.
class TestPeer : public TcpConnection::Handler {
 public:
  explicit TestPeer(Endpoint messenger)
      : TestPeer(network_manager->Connect(messenger).Get()) {}
  explicit TestPeer(std::unique_ptr<TcpConnection> with)
      : connection(std::move(with)) {
    connection->SetHandler(this);
  }

  void OnReceive(std::unique_ptr<IOBuf> data) override {
    received_bytes += data->ChainLength();
    parser.Feed(std::move(data));
    while (auto frame = parser.Next()) frames.push_back(*std::move(frame));
  }
  void OnClosed(std::error_code) override { closed = true; }

  /// Waits until `condition` holds, two seconds at most.
  template <typename F>
  bool Await(F condition) {
    for (int i = 0; i < 400 && !condition(); ++i) {
      SleepFor(std::chrono::milliseconds(5)).Get();
    }
    return condition();
  }
  bool AwaitClosed() {
    return Await([this] { return closed; });
  }

  /// As node `node`, which listens nowhere.
  void SendHello(NodeId node, const Secret& secret) {
    std::string payload(secret.begin(), secret.end());
    payload += static_cast<char>(node & 0xFF);
    payload += static_cast<char>(node >> 8);
    payload.append(2, '\0');
    connection->Send(
        MakeFrame({.kind = FrameKind::kHello}, IOBuf::Copy(payload)));
  }

  void SendCall(EbbId ebb, std::string_view protocol, uint32_t request,
                uint16_t method = 0,
                std::unique_ptr<IOBuf> parameters = nullptr) {
    connection->Send(MakeFrame({.kind = FrameKind::kCall,
                                .ebb = ebb,
                                .protocol = ProtocolId(protocol),
                                .request = request,
                                .method = method},
                               std::move(parameters)));
  }

  std::string LastText() const {
    return frames.empty() || frames.back().payload == nullptr
               ? ""
               : frames.back().payload->ToString();
  }

  std::unique_ptr<TcpConnection> connection;
  FrameParser parser{1 << 20};
  std::vector<Frame> frames;
  size_t received_bytes = 0;
  bool closed = false;
};

}  // namespace ebbrt
