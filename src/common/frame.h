// Frames: what the Messenger puts on a connection.
//
//   +--------------------- header, 32 bytes, little-endian
//   --------------------+ | magic 4 | version 2 | kind 1 | zero 1 | length 4 |
//   ebb 4 |               | | protocol 8 | request 4 | method 2 | zero 2 |
//   +---------------------------------------------------------------------------+
//   | payload, `length` bytes |
//
// A connection starts with one kHello frame from each side, first from the one
// that has dialed. The header has no padding and no host order; a frame that
// breaks a rule ends its connection with an error that names the rule, and
// nothing else.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>

#include "common/iobuf.h"
#include "common/types.h"

namespace ebbrt {

/// Goes up with every change of the frames or of the runtime's own messages. A
/// front-end and an image that differ in it refuse each other.
inline constexpr uint16_t kProtocolVersion = 4;

enum class FrameKind : uint8_t {
  kHello = 1,  ///< payload: secret, node, port (messenger_peer.cc)
  kCall = 2,   ///< payload: the parameters, a Cap'n Proto message
  kReply = 3,  ///< payload: the results, a Cap'n Proto message
  kError = 4,  ///< payload: what went wrong, text; request 0: the connection
  kCrossed = 5,  ///< instead of a hello: wait for mine, I am dialing you
};

struct FrameHeader {
  static constexpr size_t kSize = 32;
  /// "EbRT" as it lies in memory.
  static constexpr uint32_t kMagic = 0x54526245;

  uint16_t version = kProtocolVersion;
  FrameKind kind = FrameKind::kHello;
  uint32_t length = 0;    ///< of the payload, bytes
  EbbId ebb = kNoEbb;     ///< kCall: whom
  uint64_t protocol = 0;  ///< kCall: the type of the Ebb (see protocol.h)
  uint32_t request = 0;   ///< kCall, kReply, kError: which call
  uint16_t method = 0;    ///< kCall: which method of the protocol
};

/// A frame that breaks the rules.
class BadFrame : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A header and its payload as one chain; `payload` may be null. Room for the
/// header is taken from the payload's headroom where it has some.
std::unique_ptr<IOBuf> MakeFrame(FrameHeader header,
                                 std::unique_ptr<IOBuf> payload);

struct Frame {
  FrameHeader header;
  std::unique_ptr<IOBuf> payload;  ///< null if empty
};

/// Puts frames together from bytes cut anywhere. One connection's, one core's.
class FrameParser {
 public:
  /// `max_payload` bytes; a header that asks for more is a BadFrame at once,
  /// before anything of it is kept.
  explicit FrameParser(uint32_t max_payload) : max_payload_(max_payload) {}

  void SetMaxPayload(uint32_t bytes) { max_payload_ = bytes; }

  /// Adds what arrived.
  void Feed(std::unique_ptr<IOBuf> bytes);

  /// The next whole frame, if there is one. Throws BadFrame; nothing can be
  /// parsed after that.
  std::optional<Frame> Next();

  /// Whether bytes of an unfinished frame are held.
  bool InFrame() const { return held_ != nullptr || header_.has_value(); }

 private:
  uint32_t max_payload_;
  std::unique_ptr<IOBuf> held_;
  size_t held_length_ = 0;
  std::optional<FrameHeader> header_;  // parsed, its payload not complete
};

}  // namespace ebbrt
