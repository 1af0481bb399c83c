@0xb1d7e25c9f304a86;
# Names of hosts, as the front-end's resolver knows them (resolver.h).

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ebbrt");

struct NameRequest {
  name @0 :Text;      # empty: none
  service @1 :Text;   # a port's name or number; empty: none
  family @2 :UInt32;  # 0: both, 4 or 6
  flags @3 :UInt32;   # NameFlags
}

struct NameReply {
  error @0 :Int32;    # EAI_*, as Linux numbers them; 0: the rest is filled in
  system @1 :Int32;   # errno, for EAI_SYSTEM
  addresses @2 :List(Data);  # 16 bytes each
  port @3 :UInt16;
  canonical @4 :Text;
}

struct AddressRequest {
  address @0 :Data;   # 16 bytes
  port @1 :UInt16;
  flags @2 :UInt32;   # AddressFlags
}

struct AddressReply {
  error @0 :Int32;
  system @1 :Int32;
  name @2 :Text;
  service @3 :Text;
}
