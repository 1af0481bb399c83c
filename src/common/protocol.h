// Protocols: which type of Ebb a message is for, and how its calls are served.
//
// A type of Ebb that is called across nodes names its protocol. The name is the
// same on both sides because both compile the same header; its hash travels in
// every call, and two types with one hash are refused when the program starts.
#pragma once

#include <cstdint>
#include <string_view>

#include "common/future.h"
#include "common/message.h"
#include "common/types.h"

namespace ebbrt {

/// A call that has arrived.
struct IncomingCall {
  NodeId from;
  EbbId ebb;
  uint16_t method;
  RawMessage parameters;
};

/// Serves a call: the encoded results, or an error, which travels back.
using ProtocolServer = Future<std::unique_ptr<IOBuf>> (*)(IncomingCall call);

/// The id of the protocol called `name`: FNV-1a, 64 bits.
constexpr uint64_t ProtocolId(std::string_view name) {
  uint64_t hash = 0xCBF29CE484222325;
  for (char c : name) {
    hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001B3;
  }
  return hash;
}

/// Makes the calls of protocol `name` (a literal) go to `server`. Before main;
/// a second protocol with the same id stops the program.
void RegisterProtocol(std::string_view name, ProtocolServer server);

/// The server of a protocol, null if this program has none.
ProtocolServer FindProtocol(uint64_t id);

}  // namespace ebbrt
