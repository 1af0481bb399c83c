@0xbe359aaec73129b6;
# The protocol between the IaaS daemon and its clients, over a Unix socket.
#
# Everything a client holds is a capability. The daemon frees what a capability
# stands for when it is dropped or its connection is lost: a Node ends, and a
# Session ends all its nodes and its network. client.h describes the fields in
# more words.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("ebbrt::iaas::rpc");

enum NetworkKind {
  automatic @0;  # in requests: what the daemon may do, best first
  bridge @1;
  userNet @2;
  none @3;       # of a node only
}

enum Machine {
  microvm @0;
  pc @1;
  q35 @2;
}

enum Protocol {
  tcp @0;
  udp @1;
}

interface Iaas {
  # What a new connection gets.

  openSession @0 (userLabel :Text, network :NetworkKind) -> (session :Session);
  # A private network for a group of nodes. The label is for people.

  admin @1 () -> (admin :Admin);

  stay @2 () -> ();
  # A private daemon stays as long as this connection does. Opening a session
  # has the same effect.
}

interface Session {
  network @0 () -> SessionNetwork;

  allocate @1 (spec :NodeSpec, observer :NodeObserver)
      -> (node :Node, info :NodeInfo);
  # Boots a machine; answers once QEMU runs it. Cancelling the call ends it.
}

struct SessionNetwork {
  kind @0 :NetworkKind;
  hostAddress @1 :Text;    # where nodes reach the host
  listenAddress @2 :Text;  # where servers on the host listen for that
  prefix @3 :UInt8;
  limits @4 :Text;         # what this kind can't do
}

struct PortForward {
  protocol @0 :Protocol;
  hostPort @1 :UInt16;     # 0: the daemon picks one
  guestPort @2 :UInt16;
}

struct NicOptions {
  queues @0 :UInt16 = 1;
  checksumOffload @1 :Bool = true;
  segmentationOffload @2 :Bool = true;
  mergeableBuffers @3 :Bool = true;
  eventIndex @4 :Bool = true;
  indirectDescriptors @5 :Bool = true;
  packedRing @6 :Bool = false;
}

struct NodeSpec {
  image @0 :Text;            # absolute path, opened with the client's rights
  words @1 :List(Text);      # in front of " -- "
  arguments @2 :List(Text);  # behind it; the daemon encodes them
  cores @3 :UInt32 = 1;
  memoryMib @4 :UInt32 = 128;
  machine @5 :Machine = microvm;
  network @6 :NetworkKind = automatic;  # automatic: the session's
  dhcp @7 :Bool;             # no ebbrt.ip and ebbrt.gateway
  nic @8 :NicOptions;
  forwards @9 :List(PortForward);
}

struct NodeInfo {
  id @0 :UInt32;
  address @1 :Text;
  prefix @2 :UInt8;
  gateway @3 :Text;
  mac @4 :Text;
  accelerator @5 :Text;
  forwards @6 :List(PortForward);
  notes @7 :Text;
}

struct NodeExit {
  kind @0 :Kind;
  code @1 :Int32;        # of guestExit
  reason @2 :Text;
  consoleTail @3 :Text;

  enum Kind {
    guestExit @0;        # the guest ended itself
    killed @1;           # on request
    crashed @2;          # QEMU failed
  }
}

interface NodeObserver {
  died @0 (exit :NodeExit);
}

interface Node {
  kill @0 () -> (exit :NodeExit);
  # Answers when the machine is gone.

  info @1 () -> (info :NodeInfo);

  console @2 (offset :UInt64, follow :Bool, sink :ConsoleSink)
      -> (end :UInt64);
  # Writes what the guest wrote, from byte offset on, to the sink. Answers at
  # the end of what there is; following, at the end of the node.
}

interface ConsoleSink {
  write @0 (offset :UInt64, data :Data);
  # The offset is larger than where the last write ended when the daemon's
  # buffer overran between them. The next write waits for the answer.
}

struct NodeStatus {
  id @0 :UInt32;
  uid @1 :UInt32;
  label @2 :Text;
  image @3 :Text;
  state @4 :Text;
  uptimeMs @5 :UInt64;
  address @6 :Text;
  accelerator @7 :Text;
  machine @8 :Machine;
  cores @9 :UInt32;
  memoryMib @10 :UInt32;
  pid @11 :Int32;
  cpuMs @12 :UInt64;          # that QEMU has taken
  residentBytes @13 :UInt64;  # of the host's memory that it holds
}

struct DaemonInfo {
  pid @0 :Int32;
  version @1 :Text;
  accelerator @2 :Text;
  acceleratorReason @3 :Text;
  tscKhz @4 :UInt64;
  network @5 :NetworkKind;
  networkReason @6 :Text;
  qemu @7 :Text;
  maxCores @8 :UInt32;
  maxNodes @9 :UInt32;
  notes @10 :List(Text);
}

interface Admin {
  # Sees the nodes of the caller's uid; root sees all.

  list @0 () -> (nodes :List(NodeStatus));
  info @1 () -> (info :DaemonInfo);
  kill @2 (node :UInt32) -> (exit :NodeExit);
  console @3 (node :UInt32, offset :UInt64, follow :Bool, sink :ConsoleSink)
      -> (end :UInt64);

  gdb @4 (node :UInt32) -> (socket :Text);
  # Makes the node's QEMU wait for gdb at a Unix socket, to which only the node's
  # owner and root may connect. Who does stops the node until they detach.
}
