@0xc7a9d15e03b86f42;
# What a back-end tells its front-end: that it serves, or can't; then how it goes.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ebbrt::memcached");

struct LaunchOutcome {
  union {
    port @0 :UInt16;
    error @1 :Text;
  }
}

# Counts since the start.
struct LiveStatistics {
  connections @0 :UInt64;  # now
  items @1 :UInt64;        # now
  bytes @2 :UInt64;        # that they hold, now
  limit @3 :UInt64;        # and may hold
  hits @4 :UInt64;
  misses @5 :UInt64;
  sets @6 :UInt64;
  evictions @7 :UInt64;
}

struct Seen {}
