// The client side of the IaaS daemon `iaasd`: allocates virtual machines and
// watches them.
//
// A `Client` is one connection to one daemon. A `Session` owns a private
// network of the daemon. A `Node` is one virtual machine in it, and destroying
// the object ends the machine. The daemon frees everything of a connection when
// the connection is lost, however the process ended, so a process that crashes
// needs no clean-up of its own.
//
// Threading
// - A Client runs its own thread, with an event loop of its own. No type of
// that
//   loop (KJ, Cap'n Proto) appears here, and no loop is asked of the caller.
// - Every function may be called from any thread, including from callbacks,
//   except where "blocks" is said: those throw std::logic_error when called
//   from a callback, because they would wait for the thread they stand on.
// - Callbacks run on the client's thread, one at a time. They should be short
//   and hand work over to the caller's own loop. An exception that leaves a
//   callback ends the process (std::terminate).
// - After Node's destructor (or Release) has returned, none of that node's
//   callbacks runs or is still running. The destructor therefore waits for a
//   callback that is running on the client's thread right then: don't destroy a
//   Node while holding a lock that its callbacks take. Destroying a Node inside
//   one of its own callbacks is allowed.
//
// Lifetimes
// - Client, Session and Node keep the connection alive together: they may be
//   destroyed in any order, at process exit too. The connection closes when the
//   last of them is gone.
// - A process that calls fork() must not use these objects in the child before
//   exec.
//
// Process-wide effects: SIGPIPE is ignored, and the event loop reserves SIGUSR1
// in its own thread only.
//
// Errors: `Error` with a message that names the thing and the remedy.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ebbrt::iaas {

// A failure of the daemon, of the way to it, or of a request to it.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// $EBBRT_IAASD_SOCKET if set; otherwise /run/ebbrt/iaasd.sock for root and
// $XDG_RUNTIME_DIR/ebbrt/iaasd.sock for others (/tmp/ebbrt-<uid>/iaasd.sock
// when that variable is missing).
std::string DefaultSocketPath();

// How the session's machines are connected.
enum class NetworkKind : uint8_t {
  kAutomatic,       // request only: a bridge if the daemon may make one
  kBridge,          // private bridge; nodes and host reach one another freely
  kUserNetworking,  // QEMU's user networking; see SessionNetwork::limits
  kNone,            // spec of a node only: no network device
};

// The network a session was given.
struct SessionNetwork {
  NetworkKind kind = NetworkKind::kBridge;
  std::string host_address = {};  // where nodes reach the host, dotted decimal
  std::string listen_address =
      {};                   // where the host's servers must listen for that
  uint8_t prefix = 0;       // prefix length of the nodes' network
  std::string limits = {};  // what this kind can't do, for people; may be ""
};

enum class Machine : uint8_t { kMicrovm, kPc, kQ35 };

enum class Protocol : uint8_t { kTcp, kUdp };

// A port of the host (127.0.0.1, user networking only) that leads to a port of
// the node.
struct PortForward {
  Protocol protocol = Protocol::kTcp;
  uint16_t host_port = 0;  // 0: the daemon picks a free one
  uint16_t guest_port = 0;
};

// The node's network device. Defaults: one queue pair, every offload offered.
struct NicOptions {
  uint16_t queues = 1;               // queue pairs; more than 1 needs a bridge
  bool checksum_offload = true;      // both directions
  bool segmentation_offload = true;  // both directions
  bool mergeable_buffers = true;
  bool event_index = true;
  bool indirect_descriptors = true;
  bool packed_ring = false;
};

// What to boot. The daemon opens the image with this process's rights.
struct NodeSpec {
  std::string image = {};  // absolute path of a PVH ELF image
  // The words in front of " -- " on the kernel command line, such as
  // "ebbrt.node=2". The daemon adds ebbrt.ip, ebbrt.gateway and ebbrt.tsc_khz.
  std::vector<std::string> words = {};
  // The application's arguments, any bytes but NUL; the daemon encodes them.
  std::vector<std::string> arguments = {};
  uint32_t cores = 1;
  uint32_t memory_mib = 128;
  Machine machine = Machine::kMicrovm;
  NetworkKind network = NetworkKind::kAutomatic;  // kAutomatic: the session's
  bool dhcp = false;  // leave ebbrt.ip and ebbrt.gateway out
  NicOptions nic;
  std::vector<PortForward> forwards = {};
};

// A machine that runs.
struct NodeInfo {
  uint32_t id = 0;  // the daemon's number for it (not the EbbRT node id)
  std::string address = {};  // dotted decimal; "" without a network
  uint8_t prefix = 0;
  std::string gateway = {};
  std::string mac = {};          // 52:54:00:xx:yy:zz
  std::string accelerator = {};  // "kvm" or "tcg"
  std::vector<PortForward> forwards =
      {};                  // with the host ports that were picked
  std::string notes = {};  // what the daemon had to do differently
};

enum class ExitKind : uint8_t {
  kGuestExit,   // the guest ended itself; `code` is its exit code
  kKilled,      // on request: Node destroyed, `iaasctl kill`, daemon's end
  kCrashed,     // QEMU failed or was killed by a signal not sent by the daemon
  kDaemonLost,  // the connection broke: the machine is gone or going
};

struct NodeExit {
  ExitKind kind = ExitKind::kGuestExit;
  int code = 0;                   // kGuestExit: 0..127
  std::string reason = {};        // for people
  std::string console_tail = {};  // last lines of the console
};

// What a node's owner may want to be told. Empty functions are allowed.
// Order: exactly one of `started` and `failed`; after `started`, at most one
// `died`; `console` only between `started` and `died`, in order of the bytes.
struct NodeCallbacks {
  std::function<void(const NodeInfo&)> started = {};
  std::function<void(std::exception_ptr)> failed = {};
  std::function<void(const NodeExit&)> died = {};
  // Everything the guest wrote to its console since its start. A reader so slow
  // that the daemon's buffer (1 MiB) overran gets a line saying how much is
  // missing in place of it.
  std::function<void(std::string_view)> console = {};
};

// One machine, or the request for one. Move-only; an empty one is allowed.
class Node {
 public:
  Node() = default;
  Node(Node&&) noexcept;
  Node& operator=(Node&&) noexcept;
  // As Release().
  ~Node();

  // Ends the machine, or gives up the request, and stops the callbacks without
  // a last `died`. Doesn't wait for the machine's end. Idempotent.
  void Release();
  // Ends the machine; `died` comes with kKilled, or `failed` when it had not
  // started. Idempotent.
  void Kill();
  explicit operator bool() const { return impl_ != nullptr; }

  class Impl;  // for the library only
  explicit Node(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

// A private network and the nodes in it. Move-only.
class Session {
 public:
  Session() = default;
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  // Ends every node of the session (each tells `died`) and its network.
  ~Session();

  const SessionNetwork& Network() const;
  // Asks for a node. Returns at once; the callbacks tell the rest.
  Node Allocate(NodeSpec spec, NodeCallbacks callbacks);
  explicit operator bool() const { return impl_ != nullptr; }

  class Impl;  // for the library only
  explicit Session(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

// One line of `iaasctl list`.
struct NodeStatus {
  uint32_t id = 0;
  uid_t uid = 0;
  std::string label = {};  // the session's
  std::string image = {};
  std::string state = {};  // "starting", "running" or "ended: <reason>"
  std::chrono::milliseconds uptime{0};
  std::string address = {};
  std::string accelerator = {};
  Machine machine = Machine::kMicrovm;
  uint32_t cores = 0;
  uint32_t memory_mib = 0;
  pid_t pid = 0;  // of QEMU; 0 once it has ended, as are the next
  std::chrono::milliseconds cpu{0};  // that it has taken
  uint64_t resident_bytes = 0;       // of the host's memory
};

// What the daemon found on its machine.
struct DaemonInfo {
  pid_t pid = 0;
  std::string version = {};
  std::string accelerator = {};         // "kvm" or "tcg"
  std::string accelerator_reason = {};  // how that was decided
  uint64_t tsc_khz = 0;                 // host's frequency; 0 when not measured
  NetworkKind network = NetworkKind::kBridge;
  std::string network_reason = {};
  std::string qemu = {};  // path and version
  uint32_t max_cores = 0;
  uint32_t max_nodes = 0;
  std::vector<std::string> notes = {};  // fallbacks and what they cost
};

enum class Follow : uint8_t { kNo, kYes };

// A connection. Move-only.
class Client {
 public:
  // Connects to the daemon that listens at `socket`. Blocks, at most for
  // `timeout`. Throws Error when none listens or none answers.
  static Client Connect(
      const std::string& socket = DefaultSocketPath(),
      std::chrono::milliseconds timeout = std::chrono::seconds(5));

  Client() = default;
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  // False when the daemon is known to have gone: every call will fail.
  bool Connected() const;

  // Opens a session under a label that `iaasctl list` shows. Blocks.
  Session OpenSession(const std::string& label,
                      NetworkKind network = NetworkKind::kAutomatic);

  // For tools; the nodes of this uid, or all for root. Each blocks.
  std::vector<NodeStatus> List();
  DaemonInfo Info();
  void Kill(uint32_t node);
  // Has the node's QEMU wait for gdb, which stops the node from the moment it
  // connects until it detaches; gives the path of the socket.
  std::string Gdb(uint32_t node);
  // Hands the console from byte `offset` on to `sink` (on the client's thread),
  // then returns; with kYes returns only once the node has ended.
  void Console(uint32_t node, uint64_t offset, Follow follow,
               std::function<void(std::string_view)> sink);

  class Impl;  // for the library only
  explicit Client(std::shared_ptr<Impl> impl);

 private:
  std::shared_ptr<Impl> impl_;
};

// How to start a daemon when none listens.
struct DaemonOptions {
  std::string socket = DefaultSocketPath();
  // "" : $EBBRT_IAASD, else `iaasd` next to this executable, in
  // ../libexec/ebbrt or in ../tools/iaasd seen from it, else on PATH.
  std::string executable = {};
  // Further ones, such as {"--accel", "tcg"}.
  std::vector<std::string> arguments = {};
  std::chrono::milliseconds timeout = std::chrono::seconds(10);
};

// Connects to the daemon at `options.socket`; when none listens, starts a
// private one there and connects to it. A private daemon ends by itself once
// this process's last Client and every other client with a session are gone;
// destroying the last Client here waits up to 3 s for that, so that nothing is
// left when the process ends. Blocks. Throws Error with the daemon's own words
// when it can't start.
Client EnsureDaemon(const DaemonOptions& options = {});

}  // namespace ebbrt::iaas
