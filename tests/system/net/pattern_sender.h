// PatternSender: sends bytes of which each tells its place, byte i being i % 251,
// so that a lost or repeated piece shows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "common/iobuf.h"
#include "common/network_manager.h"

namespace ebbrt {

/// Sends as many bytes of the pattern as the peer asks for with a line, and then
/// closes the connection.
class PatternSender {
 public:
  /// What the peer says.
  void Ask(const IOBuf& data) {
    line_ += data.ToString();
    if (line_.ends_with('\n')) left_ = std::stoull(line_);
  }
  /// As much as may be queued; again when the connection has drained.
  void SendSome(TcpConnection& connection) {
    while (left_ > 0 && connection.QueuedBytes() < kMostQueued) {
      size_t size = std::min<uint64_t>(left_, kPiece);
      auto piece = IOBuf::Create(size);
      for (size_t i = 0; i < size; ++i) {
        piece->WritableTail()[i] = std::byte(next_++ % 251);
      }
      piece->Append(size);
      left_ -= size;
      connection.Send(std::move(piece));
    }
    if (left_ == 0) connection.Close();
  }

 private:
  static constexpr size_t kMostQueued = 4 * 1024 * 1024;
  static constexpr size_t kPiece = 16 * 1024;

  std::string line_;
  uint64_t left_ = 0;
  uint64_t next_ = 0;
};

}  // namespace ebbrt
