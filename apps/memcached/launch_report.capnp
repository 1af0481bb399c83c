@0xc7a9d15e03b86f42;
# What a back-end tells its front-end when it serves, or can't.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ebbrt::memcached");

struct LaunchOutcome {
  union {
    port @0 :UInt16;
    error @1 :Text;
  }
}

struct LaunchSeen {}
