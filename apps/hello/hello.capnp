@0xb6e1f2a84c3d5970;
# What a back-end of the tutorial says to its front-end, and hears back.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("hello");

struct Greeting {
  text @0 :Text;
}

struct Answer {
  text @0 :Text;
}
