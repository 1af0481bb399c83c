// NodeCounts: what a node counts of itself, for the metrics of its front-end.
//
// Any node of the application may ask another with a call of this protocol,
// whose Ebb and parameters don't matter; the answer is an encoded NodeCounts.
// Linux processes serve it; an image does if it is linked with METRICS
// (ebbrt_image), else the call fails as those of unknown protocols do.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "common/future.h"
#include "common/iobuf.h"
#include "common/node_counts.capnp.h"

namespace ebbrt {

inline constexpr std::string_view kNodeCountsProtocol = "ebbrt.NodeCounts";

/// What a core's network device, or its part of one, has done.
struct NetworkTotals {
  uint64_t received_frames = 0;
  uint64_t received_bytes = 0;
  uint64_t sent_frames = 0;
  uint64_t sent_bytes = 0;
  uint64_t interrupts = 0;
  uint64_t connections = 0;  // of TCP that are open now
  uint64_t buffers = 0;      // for receiving, in the ring or still in use
};

/// What only the port knows of a node.
struct PortCounts {
  /// Adds what is the machine's; on the core that counts. May be null.
  void (*machine)(NodeCounts::Builder) = nullptr;
  /// This core's, if it has a network. On each core. May be null.
  std::optional<NetworkTotals> (*network)() = nullptr;
};

/// This node's counts, encoded. Waits for an event on each core. In an event.
Future<std::unique_ptr<IOBuf>> CountNode(PortCounts port);

}  // namespace ebbrt
