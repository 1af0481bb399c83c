// Messenger: calls between the nodes of an application, over TCP.
//
// The front-end listens; a back-end dials home when it boots, and both prove
// the application's secret before anything else is read. A call is a frame with
// a Cap'n Proto message for an Ebb; on arrival it becomes an event of its own
// on core 0, which may block. Application code does not use this class: it
// calls methods of Ebbs, see home_ebb.h.
//
// A peer's mistake ends its connection with a reported error, never the node.
// When a connection ends, every call that waits on it fails with NodeLost.
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

  /// What a call is given by default: long enough for a method that works,
  /// short enough that nobody waits for ever on one that is stuck.
  static constexpr Clock::duration kCallDeadline = std::chrono::seconds(30);

  /// Largest payload of a frame, bytes.
  static constexpr uint32_t kMaxPayload = 64 << 20;

  /// Waits for back-ends. Core 0. Returns where they reach it (address as the
  /// network manager's). Throws std::system_error.
  [[gnu::cold]] Endpoint Listen(const Secret& secret);

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

  /// Calls `callee` with an encoded message. Fails with NodeLost, with
  /// RemoteError if it threw there, and with DeadlineExceeded if there is no
  /// answer in time; the call may be carried out all the same, its late answer
  /// is dropped.
  Future<RawMessage> Call(const Callee& callee,
                          std::unique_ptr<IOBuf> parameters,
                          Clock::duration deadline = kCallDeadline);

  /// The nodes that are connected and have proved themselves. Core 0.
  std::vector<NodeId> Nodes() const;

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
  class Peer;

  void CallOnCore0(NodeId node, FrameHeader header,
                   std::unique_ptr<IOBuf> parameters, Clock::duration deadline,
                   Promise<RawMessage> promise);
  [[gnu::cold]] void Accept(std::unique_ptr<TcpConnection> connection);
  /// `peer` has proved itself to be `node`. Throws BadFrame if it can't be.
  [[gnu::cold]] void AddNode(Peer& peer, NodeId node);
  /// The promises of those who wait for `node`.
  [[gnu::cold]] std::vector<Promise<>> TakeWaiting(NodeId node);
  /// `peer`'s connection is over; destroys it.
  [[gnu::cold]] void PeerEnded(Peer* peer, const std::string& why);

  Secret secret_{};
  std::unique_ptr<TcpListener> listener_;
  std::unordered_map<Peer*, std::unique_ptr<Peer>> peers_;
  std::unordered_map<NodeId, Peer*> nodes_;  // that have proved themselves
  std::vector<std::pair<NodeId, Promise<>>> waiting_;
  std::vector<MoveFunction<void(NodeId, const std::string&)>> on_node_lost_;
};

inline constexpr EbbRef<Messenger> messenger{kMessengerId};

}  // namespace ebbrt
