@0xb8c4e1d20f7a9365;
# What the nodes' messengers ask and tell each other (messenger.h).

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ebbrt");

# Where a node is dialed.
struct NodeAddress {
  address @0 :UInt32;  # IPv4, as a number
  port @1 :UInt16;
}

# A node is lost.
struct NodeObituary {
  why @0 :Text;
}
