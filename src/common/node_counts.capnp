@0xe7b1c94d20f6a853;
# What a node tells of itself when it is asked (node_counts.h). All counts are
# since it began.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ebbrt");

struct NodeCounts {
  cores @0 :List(CoreCounts);
  ebbs @1 :UInt32;
  memory @2 :MemoryCounts;    # not of a process
  network @3 :NetworkCounts;  # not of a process
}

struct CoreCounts {
  events @0 :UInt64;    # that its loop has taken from its queue
  loop @1 :LoopCounts;  # of loops that count more than that
}

struct LoopCounts {
  remote @0 :UInt64;   # events that others have sent
  timers @1 :UInt64;   # that have run
  blocked @2 :UInt32;  # events that wait now
}

struct MemoryCounts {
  totalBytes @0 :UInt64;
  freeBytes @1 :UInt64;
}

struct NetworkCounts {
  receivedFrames @0 :UInt64;
  receivedBytes @1 :UInt64;
  sentFrames @2 :UInt64;
  sentBytes @3 :UInt64;
  interrupts @4 :UInt64;   # of the device
  connections @5 :UInt32;  # of TCP that are open now
  buffers @6 :UInt32;      # for receiving, in the device's ring or still in use
}
