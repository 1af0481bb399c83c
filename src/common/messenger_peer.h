// Messenger::Peer: one connection with another node, and the calls that wait on
// it. For messenger.cc.
//
// Who dials says hello at once. Who accepts answers only when it has checked
// that hello, so that nobody learns the secret by connecting. Calls follow when
// both hellos have been seen.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <utility>

#include "common/event_manager.h"
#include "common/messenger.h"
#include "common/timer.h"

namespace ebbrt {

/// Fails `promise` in an event of its own: what waits for it may do anything.
template <typename T>
[[gnu::cold]] void FailLater(Promise<T> promise, NodeLost error) {
  EventManager::Spawn([promise = std::move(promise), error]() mutable {
    promise.SetException(std::make_exception_ptr(error));
  });
}

/// Owned by its messenger. Core 0.
class Messenger::Peer : public TcpConnection::Handler {
 public:
  /// A connection that this node has dialed to reach `dialed`, or kNoNode: one
  /// that it has accepted.
  Peer(Messenger& messenger, std::unique_ptr<TcpConnection> connection,
       NodeId dialed);

  /// Who has proved to be there; kNoNode until then.
  NodeId Node() const { return node_; }
  NodeId Dialed() const { return dialed_; }
  Endpoint Remote() const { return connection_->Remote(); }
  const Traffic& Count() const { return traffic_; }
  /// For reports.
  std::string Name() const;

  /// Sends a call. The connection has proved itself.
  void Call(FrameHeader header, std::unique_ptr<IOBuf> parameters,
            Clock::duration deadline, Promise<RawMessage> promise);
  void Send(FrameHeader header, std::unique_ptr<IOBuf> payload);
  /// Fails every call that waits.
  void FailCalls(const std::string& why);

  void OnReceive(std::unique_ptr<IOBuf> data) override;
  void OnClosed(std::error_code error) override;
  void OnDrained() override { patience_.Stop(); }

 private:
  struct PendingCall {
    Promise<RawMessage> promise;
    Timer timer;
  };

  /// Ends the connection if the other side doesn't read.
  void WatchReader();
  void SendHello();
  /// The first frame. False when this peer has been destroyed.
  bool Greet(const Frame& frame);
  void Handle(Frame frame);
  template <typename F>
  void Answer(const Frame& frame, F set);

  Messenger& messenger_;
  std::unique_ptr<TcpConnection> connection_;
  FrameParser parser_;
  const NodeId dialed_;
  NodeId node_ = kNoNode;
  Timer hello_deadline_;
  Timer patience_;          // runs while something is queued
  Traffic traffic_;
  uint32_t next_request_ = 1;
  std::unordered_map<uint32_t, PendingCall> calls_;  // not answered
};

}  // namespace ebbrt
