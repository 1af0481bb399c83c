@0x9f0c5b7de1a24386;
# What the nodes of test_ebbs.py tell each other.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ebbs");

struct Line {
  text @0 :Text;
}
