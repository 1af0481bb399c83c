// The fast path of TCP: an ordinary segment of an established connection goes
// between the device and its stream in one step, past lwIP's layers.
//
// This is Van Jacobson's header prediction (1988; Stevens, TCP/IP Illustrated
// 2, §28.4): nearly every segment is the next one, carries what the last ones
// led to expect, and needs a few additions. Whatever is out of the ordinary is
// lwIP's business: options, fragments, loss, a closing or a full window, a
// neighbour that must be asked for, sums that nobody has verified, IPv6. The
// control block is left as lwIP would have left it, field by field
// (tcp_receive, tcp_output), so the two ways may alternate with every segment.
//
// On the stack's core, in events; nothing here blocks, throws or calls back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "common/iobuf.h"
#include "lwip/tcp.h"
#include "native/network/interface.h"

namespace ebbrt::network {

/// The connection whose next segment is in `frame`, an ordinary one, of which
/// the device has verified the transport's sum. Null: lwIP is to have it.
tcp_pcb* FindExpecting(const IOBuf& frame, const netif& link);

/// Does to `pcb` what the segment that it expects says. `frame` becomes the
/// segment's data, or null if it has none. Returns how many bytes of ours were
/// acknowledged and are no longer referenced.
size_t ReceiveExpected(tcp_pcb& pcb, std::unique_ptr<IOBuf>& frame);

/// A way out: where the next hop's address was found last.
struct NextHop {
  netif_addr_idx_t hint = 255;
};

enum class Sent {
  kNot,     ///< nothing has happened: the bytes are to be given to lwIP
  kShown,   ///< some of the bytes are referenced until they are acknowledged
  kCopied,  ///< none are
};

/// Sends `bytes` that begin `offset` into `first` and go on in the elements
/// behind it, as one segment. IPv4, and a peer that is reached by `link`.
Sent SendSegment(tcp_pcb& pcb, Interface& link, NextHop& next_hop,
                 const IOBuf& first, size_t offset, size_t bytes);

/// Up to here a copy behind the headers costs less than a reference.
inline constexpr size_t kCopyLimit = 128;

}  // namespace ebbrt::network
