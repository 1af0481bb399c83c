@0xc1f3b0d7e5924a68;
# What bench/dispatch's messages carry, both ways.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ebbrt::bench");

struct Payload {
  bytes @0 :Data;
}
