// The smallest server of HTTP: whatever is asked for is a mebibyte of letters.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "common/network_manager.h"

namespace ebbrt {

/// Answers one request per connection (RFC 9112 §9.6) and closes.
class Page : public TcpConnection::Handler {
 public:
  explicit Page(std::unique_ptr<TcpConnection> connection)
      : connection_(std::move(connection)) {
    connection_->SetHandler(this);
  }

  void OnReceive(std::unique_ptr<IOBuf> data) override {
    request_ += data->ToString();
    if (!request_.ends_with("\r\n\r\n")) return;
    std::string body(kBytes, 'e');
    connection_->Send(
        IOBuf::Copy("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " +
                    std::to_string(body.size()) + "\r\n\r\n" + body));
    connection_->Close();
    delete this;
  }
  void OnClosed(std::error_code) override { delete this; }

 private:
  static constexpr size_t kBytes = 1 << 20;

  std::unique_ptr<TcpConnection> connection_;
  std::string request_;
};

/// Listens on `port` for as long as the node runs.
inline void ServePage(uint16_t port) {
  static std::unique_ptr<TcpListener> listener = network_manager->Listen(
      port, [](std::unique_ptr<TcpConnection> connection) {
        new Page(std::move(connection));  // deletes itself when it ends
      });
}

}  // namespace ebbrt
