// What may pass between a session's bridge and the host, as programs for the
// kernel's packet filter (BPF, in its classic form).
//
// A bridge's port hears its own session's nodes only; but its host is a router
// to everything it has an address in or a route to, other sessions' bridges
// too, unless the packets that go that way are dropped.
#pragma once

#include <linux/filter.h>

#include <vector>

#include "address_pool.h"

namespace ebbrt::iaas {

// For what nodes send to the host: IPv4 and ARP to addresses of their own
// network, multicast and broadcast, from their own network or no address yet.
// Other protocols pass: the bridge has no address in them.
std::vector<sock_filter> FromNodesFilter(const Subnet& network);

// For what the host sends to nodes: IPv4 from addresses of their own network.
std::vector<sock_filter> ToNodesFilter(const Subnet& network);

}  // namespace ebbrt::iaas
