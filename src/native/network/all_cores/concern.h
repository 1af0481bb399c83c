// Concern: whom a frame is for, where every core has a stack and all have the
// same addresses.
//
// A device may bring a connection's segment to any core: Linux's tap steers by
// the queue that a flow last transmitted on, and when it has forgotten that, by
// a hash that nobody else can compute. So a core asks what it knows itself:
// whether a connection, a listener or a port here wants the frame. Nothing is
// shared.
#pragma once

#include "common/iobuf.h"
#include "lwip/netif.h"

namespace ebbrt::network {

enum class Concern {
  kThisCore,   ///< it is wanted here, or any core can answer it
  kAnother,    ///< of a connection or for a port that are not here
  kEveryCore,  ///< it tells of neighbours, routers or ways
  kFirstCore,  ///< a fragment; datagrams of its ports are put together there
  kNobody,     ///< a fragment of TCP, whose connection can't be told
};

/// Of a whole Ethernet frame. On the core whose interface is `link`, in events.
Concern ConcernOf(const IOBuf& frame, netif& link);

/// A copy of a frame that concerns every core, for the others: they learn from
/// it and don't answer it too. Throws std::bad_alloc.
std::unique_ptr<IOBuf> CopyToLearnFrom(const IOBuf& frame);

}  // namespace ebbrt::network
