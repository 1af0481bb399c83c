@0xb8c4e1d20f7a9365;
# What the nodes' messengers ask and tell each other (messenger.h).

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ebbrt");

# Where a node is dialed.
struct NodeAddress {
  # An address of IPv6, or of IPv4 as one (endpoint.h): a number of 128 bits.
  high @0 :UInt64;
  low @1 :UInt64;
  port @2 :UInt16;
}

# A node is lost.
struct NodeObituary {
  why @0 :Text;
}
