// What a node holds, for tests that want all of it back.
#pragma once

#include <cstdint>

namespace ebbrt {

/// Answers any datagram at a UDP port with a line of names and numbers:
///   buffers      of the device's pool, those in its ring among them
///   frames       that came
///   polls        turns that found the ring not dry at the end of the one
///   before connections  of TCP, in every state half_open    those of them
///   whose peers have not completed the handshake free         bytes of the
///   machine's memory
/// On the stack's core, once.
void ServeCounters(uint16_t port);

}  // namespace ebbrt
