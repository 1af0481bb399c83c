// Messenger: calls between the nodes of an application, over TCP.
//
// All nodes listen. A back-end dials home when it boots; with the first call to
// another back-end it asks the front-end where that is and dials it too, so
// that what back-ends have to tell each other takes no detour. Both ends of a
// connection prove the application's secret before anything else is read. A
// call is a frame with a Cap'n Proto message for an Ebb; on arrival it becomes
// an event of its own on core 0, which may block. Application code does not use
// this class: it calls methods of Ebbs, see home_ebb.h.
//
// A peer's mistake ends its connection with a reported error, never the node.
// When a connection ends, every call that waits on it fails with NodeLost. The
// front-end is the first to know that a node is lost, and tells all others,
// which then give up what they have to do with it.
#pragma once

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "common/base_ebbs.h"
#include "common/boot_arguments.h"
#include "common/ebb_ref.h"
#include "common/endpoint.h"
#include "common/frame.h"
#include "common/future.h"
#include "common/message.h"
#include "common/network_manager.h"
#include "common/protocol.h"
#include "common/timer.h"
#include "platform/clock.h"

namespace ebbrt {

/// The other node cannot be reached (any more).
class NodeLost : public std::runtime_error {
 public:
  NodeLost(NodeId node, const std::string& why);
  NodeId Node() const { return node_; }

 private:
  NodeId node_;
};

/// A call failed on the other node; what() is that node's message.
class RemoteError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// One representative per node; its connections live on core 0. Members may be
/// called in events on any core unless said.
class Messenger {
 public:
  static Messenger& HandleFault(EbbId id);

  /// That of node `self`, which is this one but in tests. A messenger that has
  /// been used lives as long as the node.
  explicit Messenger(NodeId self);
  ~Messenger();

  /// What a call is given by default: long enough for a method that works,
  /// short enough that nobody waits for ever on one that is stuck.
  static constexpr Clock::duration kCallDeadline = std::chrono::seconds(30);

  /// How long a node may take nothing of what is sent to it. Then it counts as
  /// lost: what others wait to tell it would fill the memory.
  static constexpr Clock::duration kPatience = std::chrono::seconds(30);
  /// For connections from now on.
  void SetPatience(Clock::duration patience) { patience_ = patience; }

  /// Largest payload of a frame, bytes.
  static constexpr uint32_t kMaxPayload = 64 << 20;

  /// Waits for other nodes, at `port` or any that is free. Core 0. Returns
  /// where they reach it (address as the network manager's). Throws
  /// std::system_error.
  [[gnu::cold]] Endpoint Listen(const Secret& secret, uint16_t port = 0);

  /// Dials the front-end and proves the secret; ready when it has proved it
  /// too. Core 0. Fails with NodeLost.
  [[gnu::cold]] Future<> DialHome(Endpoint front_end, const Secret& secret);

  /// Whom a call is for.
  struct Callee {
    NodeId node;
    EbbId ebb;
    uint64_t protocol;
    uint16_t method;
  };

  /// Calls `callee` with an encoded message; on a back-end, dials its node if
  /// they have no connection yet. Fails with NodeLost, with
  /// RemoteError if it threw there, and with DeadlineExceeded if there is no
  /// answer in time; the call may be carried out all the same, its late answer
  /// is dropped.
  Future<RawMessage> Call(const Callee& callee,
                          std::unique_ptr<IOBuf> parameters,
                          Clock::duration deadline = kCallDeadline);

  /// What the front-end knows of its nodes (node_directory.h). Called on core
  /// 0.
  class Directory {
   public:
    virtual ~Directory() = default;
    /// `node` has connected, and others may reach it at `address` (port 0:
    /// nowhere).
    virtual void Up(NodeId node, Endpoint address) = 0;
    virtual void Lost(NodeId node, const std::string& why) = 0;
    /// An encoded NodeAddress. Throws std::runtime_error.
    virtual std::unique_ptr<IOBuf> Where(NodeId node) = 0;
  };
  /// On the front-end, before it listens. Not owned.
  void SetDirectory(Directory* directory) { directory_ = directory; }

  /// What messengers ask and tell each other: calls for the Ebb whose id is the
  /// number of the node in question.
  static constexpr uint64_t kProtocol = ProtocolId("ebbrt.Messenger");
  enum Method : uint16_t {
    kWhere,     ///< of the front-end; answered by a NodeAddress
    kObituary,  ///< by the front-end, with a NodeObituary: the node is lost
  };

  /// The nodes that are connected and have proved themselves. Core 0.
  std::vector<NodeId> Nodes() const;

  /// What has gone over a connection.
  struct Traffic {
    uint64_t sent_messages = 0;
    uint64_t sent_bytes = 0;  // of all kinds of frames, with their headers
    uint64_t received_messages = 0;
    uint64_t received_bytes = 0;
  };
  /// That of the nodes that are connected, by their ids. Core 0. Only where
  /// platform::kMayBeFrontEnd more than bytes that were sent is counted.
  std::vector<std::pair<NodeId, Traffic>> TrafficByNode() const;

  /// Ready when `node` has connected (now, if it has). Core 0. Fails when
  /// ForgetNode(node) is called first.
  [[gnu::cold]] Future<> WaitForNode(NodeId node);

  /// Ends the connection with `node`, if any, and what waits for it: they fail
  /// with NodeLost for the reason `why`. Core 0.
  [[gnu::cold]] void ForgetNode(NodeId node, const std::string& why);

  /// Runs on core 0 whenever a connection that had proved itself ends, in the
  /// order of these calls. In events on core 0.
  void OnNodeLost(MoveFunction<void(NodeId, const std::string&)> function) {
    on_node_lost_.push_back(std::move(function));
  }

 private:
  class Peer;  // messenger_peer.h

  /// A call to a node that is being dialed.
  struct WaitingCall {
    FrameHeader header;
    std::unique_ptr<IOBuf> parameters;
    Clock::time_point since;
    Clock::duration deadline;
    Promise<RawMessage> promise;
    Timer timer{};
  };

  /// A connection that this node wants and doesn't have yet.
  struct PendingDial {
    NodeId node;
    Timer deadline;
    Peer* peer = nullptr;  // once connected, not proved yet
    std::vector<std::unique_ptr<WaitingCall>> calls;
  };

  /// Where this node is reached; 0 if it doesn't listen.
  uint16_t Port() const;
  Peer& AddPeer(std::unique_ptr<TcpConnection> connection, NodeId dialed);
  [[gnu::cold]] std::unique_ptr<Peer> TakePeer(Peer* peer);

  void CallOnCore0(NodeId node, FrameHeader header,
                   std::unique_ptr<IOBuf> parameters, Clock::duration deadline,
                   Promise<RawMessage> promise);
  /// A call that has come from node `from`. In an event of its own.
  void Serve(NodeId from, Frame frame);
  Future<std::unique_ptr<IOBuf>> Dispatch(NodeId from, Frame frame);
  [[gnu::cold]] std::unique_ptr<IOBuf> ServeOwn(IncomingCall call);

  /// `peer` has proved to be `node`, which others reach at `port`. False when
  /// this node's own dial is kept instead. Throws BadFrame if it can't be.
  [[gnu::cold]] bool Admit(Peer& peer, NodeId node, uint16_t port);
  /// What waited for the dial that has led to `peer`, or that it has overtaken.
  [[gnu::cold]] void SendWaiting(Peer& peer);
  /// `peer`'s connection is over; destroys it.
  [[gnu::cold]] void PeerEnded(Peer* peer, const std::string& why);
  /// The promises of those who wait for `node`.
  [[gnu::cold]] std::vector<Promise<>> TakeWaiting(NodeId node);

  /// Whether this node may ask the front-end where `node` is.
  [[gnu::cold]] bool CanDial(NodeId node) const;
  /// The dial of `node`, which is begun if it isn't under way.
  [[gnu::cold]] PendingDial& Dial(NodeId node);
  [[gnu::cold]] PendingDial& StartDial(NodeId node);
  [[gnu::cold]] void Connect(NodeId node, Endpoint endpoint);
  [[gnu::cold]] PendingDial* FindDial(NodeId node) const;
  [[gnu::cold]] std::unique_ptr<PendingDial> TakeDial(NodeId node);
  /// The other end keeps its own dial, which will arrive. Destroys `peer`.
  [[gnu::cold]] void DialCrossed(Peer* peer);

  const NodeId self_;
  Secret secret_{};
  Clock::duration patience_ = kPatience;
  std::unique_ptr<TcpListener> listener_;
  std::vector<std::unique_ptr<Peer>> peers_;
  std::unordered_map<NodeId, Peer*> nodes_;  // that have proved themselves
  std::vector<std::unique_ptr<PendingDial>> dials_;
  Directory* directory_ = nullptr;  // on the front-end
  std::vector<std::pair<NodeId, Promise<>>> waiting_;
  std::vector<MoveFunction<void(NodeId, const std::string&)>> on_node_lost_;
};

inline constexpr EbbRef<Messenger> messenger{kMessengerId};

}  // namespace ebbrt
