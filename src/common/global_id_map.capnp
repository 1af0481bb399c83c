@0xd1f0a4c6b8e25391;
# What travels between a node and the front-end's GlobalIdMap.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ebbrt");

struct IdMapKey {
  ebb @0 :UInt32;
}

struct IdMapEntry {
  ebb @0 :UInt32;
  value @1 :Data;
}

struct IdMapDone {}
