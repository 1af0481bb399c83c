// Exchange: a connection of the exchange's servers. It begins with a size (4
// bytes, little-endian); from then on messages of that size are sent back, each
// when all of it is there. What has arrived is what is sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "common/iobuf.h"
#include "common/network_manager.h"

namespace ebbrt {

inline constexpr uint16_t kExchangePort = 5002;

/// Deletes itself when the connection ends.
class Exchange : public TcpConnection::Handler {
 public:
  explicit Exchange(std::unique_ptr<TcpConnection> connection)
      : connection_(std::move(connection)) {
    connection_->SetHandler(this);
  }

  void OnReceive(std::unique_ptr<IOBuf> data) override {
    while (data != nullptr && size_bytes_ < sizeof(uint32_t)) {
      uint8_t byte = std::to_integer<uint8_t>(data->Data()[0]);
      size_ |= uint32_t{byte} << (8 * size_bytes_++);
      data->Advance(1);
      if (data->Empty()) {
        auto rest = data->Pop();
        data = std::move(rest);
      }
    }
    if (data == nullptr) return;
    held_bytes_ += data->ChainLength();
    if (held_ == nullptr) {
      held_ = std::move(data);
    } else {
      held_->AppendChain(std::move(data));
    }
    // The load has one message under way on a connection.
    if (held_bytes_ < size_) return;
    held_bytes_ = 0;
    connection_->Send(std::move(held_));
  }

  void OnClosed(std::error_code) override { delete this; }

 private:
  std::unique_ptr<TcpConnection> connection_;
  size_t size_bytes_ = 0;
  uint32_t size_ = 0;
  std::unique_ptr<IOBuf> held_;
  size_t held_bytes_ = 0;
};

}  // namespace ebbrt
