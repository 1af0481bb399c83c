#include "common/messenger.h"

#include <algorithm>
#include <span>
#include <utility>

#include "common/concat.h"
#include "common/deadline.h"
#include "common/ebb_end.h"
#include "common/event_manager.h"
#include "common/messenger.capnp.h"
#include "common/messenger_peer.h"
#include "common/protocol.h"
#include "common/runtime.h"
#include "platform/log.h"

namespace ebbrt {
namespace {

using namespace std::chrono_literals;

/// From the first call to a node until both hellos have been exchanged.
constexpr auto kDialDeadline = 20s;

}  // namespace

NodeLost::NodeLost(NodeId node, const std::string& why)
    : std::runtime_error(Concat({"node ", node, " is lost: ", why})),
      node_(node) {}

Messenger& Messenger::HandleFault(EbbId id) {
  static Messenger* messenger = [] {
    detail::ServeEnds();
    return new Messenger(runtime::ThisNode());  // lives as long as the node
  }();
  CacheRep(id, messenger);
  return *messenger;
}

// Here, where Peer is complete.
Messenger::Messenger(NodeId self) : self_(self) {}
Messenger::~Messenger() = default;

Endpoint Messenger::Listen(const Secret& secret, uint16_t port) {
  secret_ = secret;
  listener_ = network_manager->Listen(
      port, [this](std::unique_ptr<TcpConnection> connection) {
        AddPeer(std::move(connection), kNoNode);
      });
  return {network_manager->Address(), Port()};
}

uint16_t Messenger::Port() const {
  return listener_ == nullptr ? 0 : listener_->Local().port;
}

Messenger::Peer& Messenger::AddPeer(std::unique_ptr<TcpConnection> connection,
                                    NodeId dialed) {
  auto peer = std::make_unique<Peer>(*this, std::move(connection), dialed);
  Peer& added = *peer;
  peers_.push_back(std::move(peer));
  return added;
}

/// The owner of `peer`; null for null.
std::unique_ptr<Messenger::Peer> Messenger::TakePeer(Peer* peer) {
  for (auto& place : peers_) {
    if (place.get() != peer) continue;
    auto taken = std::exchange(place, std::move(peers_.back()));
    peers_.pop_back();
    return taken;
  }
  return nullptr;
}

// --- Calls

Future<RawMessage> Messenger::Call(const Callee& callee,
                                   std::unique_ptr<IOBuf> parameters,
                                   Clock::duration deadline) {
  Promise<RawMessage> promise;
  auto future = promise.GetFuture();
  FrameHeader header{.kind = FrameKind::kCall,
                     .ebb = callee.ebb,
                     .protocol = callee.protocol,
                     .method = callee.method};
  if (platform::CurrentCore() == 0) {
    CallOnCore0(callee.node, header, std::move(parameters), deadline,
                std::move(promise));
  } else {
    EventManager::SpawnRemote(
        [this, node = callee.node, header, deadline,
         parameters = std::move(parameters),
         promise = std::move(promise)]() mutable {
          CallOnCore0(node, header, std::move(parameters), deadline,
                      std::move(promise));
        },
        0);
  }
  return future;
}

void Messenger::CallOnCore0(NodeId node, FrameHeader header,
                            std::unique_ptr<IOBuf> parameters,
                            Clock::duration deadline,
                            Promise<RawMessage> promise) {
  auto peer = nodes_.find(node);
  if (peer != nodes_.end()) {
    peer->second->Call(header, std::move(parameters), deadline,
                       std::move(promise));
    return;
  }
  PendingDial* dial = CanDial(node) ? &Dial(node) : nullptr;
  if (dial == nullptr) {
    promise.SetException(
        std::make_exception_ptr(NodeLost(node, "it is not connected")));
    return;
  }
  auto& waiting = *dial->calls.emplace_back(
      std::make_unique<WaitingCall>(header, std::move(parameters), Clock::now(),
                                    deadline, std::move(promise)));
  waiting.timer.Start(deadline, [&waiting, dial] {
    auto promise = std::move(waiting.promise);
    auto deadline = waiting.deadline;
    std::erase_if(dial->calls,
                  [&](const auto& call) { return call.get() == &waiting; });
    promise.SetException(std::make_exception_ptr(DeadlineExceeded(deadline)));
  });
}

void Messenger::Serve(NodeId from, Frame frame) {
  FrameHeader header = frame.header;
  Dispatch(from, std::move(frame))
      .Finally([this, from, header](Future<std::unique_ptr<IOBuf>> done) {
        FrameHeader answer{.kind = FrameKind::kReply,
                           .request = header.request};
        std::unique_ptr<IOBuf> payload;
        try {
          payload = done.Get();
        } catch (const std::exception& error) {
          answer.kind = FrameKind::kError;
          payload =
              IOBuf::Copy(std::string_view(error.what()), FrameHeader::kSize);
        }
        // The caller may be gone by now; then nobody waits for this.
        auto peer = nodes_.find(from);
        if (peer != nodes_.end()) {
          peer->second->Send(answer, std::move(payload));
        }
      })
      .Detach("answering a call");
}

Future<std::unique_ptr<IOBuf>> Messenger::Dispatch(NodeId from, Frame frame) {
  try {
    IncomingCall call{from, frame.header.ebb, frame.header.method,
                      RawMessage::FromBytes(std::move(frame.payload))};
    if (frame.header.protocol == kProtocol) {
      return MakeReadyFuture(ServeOwn(std::move(call)));
    }
    auto server = FindProtocol(frame.header.protocol);
    if (server == nullptr) {
      throw std::runtime_error(
          "this node has no Ebb type of that protocol; were front-end and "
          "image built from the same source?");
    }
    return server(std::move(call));
  } catch (...) {
    return MakeFailedFuture<std::unique_ptr<IOBuf>>(std::current_exception());
  }
}

std::unique_ptr<IOBuf> Messenger::ServeOwn(IncomingCall call) {
  auto node = static_cast<NodeId>(call.ebb);
  if (call.method == kWhere && directory_ != nullptr) {
    return directory_->Where(node);
  }
  if (call.method == kObituary && call.from == kFrontEndNode) {
    ForgetNode(node, call.parameters.As<NodeObituary>().getWhy().cStr());
    return nullptr;
  }
  throw std::runtime_error("that is not for this node's messenger");
}

// --- Nodes

std::vector<NodeId> Messenger::Nodes() const {
  std::vector<NodeId> nodes;
  for (const auto& [node, peer] : nodes_) nodes.push_back(node);
  return nodes;
}

std::vector<std::pair<NodeId, Messenger::Traffic>> Messenger::TrafficByNode()
    const {
  std::vector<std::pair<NodeId, Traffic>> traffic;
  for (const auto& [node, peer] : nodes_) {
    traffic.emplace_back(node, peer->Count());
  }
  std::sort(traffic.begin(), traffic.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return traffic;
}

Future<> Messenger::WaitForNode(NodeId node) {
  if (nodes_.contains(node)) return MakeReadyFuture();
  return waiting_.emplace_back(node, Promise<>()).second.GetFuture();
}

std::vector<Promise<>> Messenger::TakeWaiting(NodeId node) {
  std::vector<Promise<>> promises;
  for (auto& [waited_for, promise] : waiting_) {
    if (waited_for == node) promises.push_back(std::move(promise));
  }
  std::erase_if(waiting_,
                [node](const auto& one) { return one.first == node; });
  return promises;
}

void Messenger::ForgetNode(NodeId node, const std::string& why) {
  for (auto& promise : TakeWaiting(node)) {
    FailLater(std::move(promise), NodeLost(node, why));
  }
  if (auto dial = TakeDial(node)) {
    for (auto& call : dial->calls) {
      FailLater(std::move(call->promise), NodeLost(node, why));
    }
    TakePeer(dial->peer);
  }
  auto peer = nodes_.find(node);
  if (peer != nodes_.end()) PeerEnded(peer->second, why);
}

bool Messenger::Admit(Peer& peer, NodeId node, uint16_t port) {
  if (node == kNoNode || node == self_) {
    throw BadFrame(Concat({"a hello from node ", node}));
  }
  if (peer.Dialed() != kNoNode && peer.Dialed() != node) {
    throw BadFrame(
        Concat({"node ", node, " answers in place of ", peer.Dialed()}));
  }
  if (nodes_.contains(node)) {
    throw BadFrame(Concat({"node ", node, " is connected already"}));
  }
  // Both dial: of the two connections the one is kept that the smaller dialed.
  bool dials = FindDial(node) != nullptr;
  if (peer.Dialed() == kNoNode && dials && self_ < node) return false;
  nodes_.emplace(node, &peer);
  if (directory_ != nullptr) {
    directory_->Up(node, {peer.Remote().address, port});
  }
  for (auto& promise : TakeWaiting(node)) {
    EventManager::Spawn(
        [promise = std::move(promise)]() mutable { promise.SetValue(); });
  }
  return true;
}

void Messenger::SendWaiting(Peer& peer) {
  auto dial = TakeDial(peer.Node());
  if (dial == nullptr) return;
  if (dial->peer != &peer) TakePeer(dial->peer);
  for (auto& call : dial->calls) {
    peer.Call(call->header, std::move(call->parameters),
              call->deadline - (Clock::now() - call->since),
              std::move(call->promise));
  }
}

void Messenger::PeerEnded(Peer* peer, const std::string& why) {
  auto owner = TakePeer(peer);
  NodeId node = peer->Node();
  if (node == kNoNode) {
    platform::WriteConsole(Concat({"ebbrt: messenger: connection with ",
                                   peer->Name(), " refused: ", why, "\n"}));
    PendingDial* dial = FindDial(peer->Dialed());
    if (dial != nullptr && dial->peer == peer) {
      dial->peer = nullptr;
      ForgetNode(peer->Dialed(), why);
    }
    return;
  }
  nodes_.erase(node);
  peer->FailCalls(why);
  if (directory_ != nullptr) directory_->Lost(node, why);
  for (auto& function : on_node_lost_) function(node, why);
}

// --- Dialing

Future<> Messenger::DialHome(Endpoint front_end, const Secret& secret) {
  secret_ = secret;
  StartDial(kFrontEndNode);
  auto reached = WaitForNode(kFrontEndNode);
  Connect(kFrontEndNode, front_end);
  return reached;
}

bool Messenger::CanDial(NodeId node) const {
  return node != self_ && node != kFrontEndNode &&
         nodes_.contains(kFrontEndNode);
}

Messenger::PendingDial& Messenger::Dial(NodeId node) {
  if (auto* dial = FindDial(node)) return *dial;
  EventManager::Spawn([this, node] {
    try {
      auto answer =
          Call({kFrontEndNode, node, kProtocol, kWhere}, nullptr).Get();
      auto address = answer.As<NodeAddress>();
      Connect(node, {IpAddress(address.getHigh(), address.getLow()),
                     address.getPort()});
    } catch (const std::exception& error) {
      // Else it was quicker to dial us, or is lost for another reason.
      if (FindDial(node) != nullptr) ForgetNode(node, error.what());
    }
  });
  return StartDial(node);
}

Messenger::PendingDial& Messenger::StartDial(NodeId node) {
  auto& dial = *dials_.emplace_back(std::make_unique<PendingDial>());
  dial.node = node;
  dial.deadline.Start(kDialDeadline, [this, node] {
    ForgetNode(node, "it took too long to connect");
  });
  return dial;
}

void Messenger::Connect(NodeId node, Endpoint endpoint) {
  if (FindDial(node) == nullptr) return;
  network_manager->Connect(endpoint)
      .Finally([this, node](Future<std::unique_ptr<TcpConnection>> connected) {
        PendingDial* dial = FindDial(node);
        if (dial == nullptr) return;  // it was quicker, or is lost
        try {
          dial->peer = &AddPeer(connected.Get(), node);
        } catch (const std::exception& error) {
          ForgetNode(node, error.what());
        }
      })
      .Detach("dialing a node");
}

Messenger::PendingDial* Messenger::FindDial(NodeId node) const {
  for (const auto& dial : dials_) {
    if (dial->node == node) return dial.get();
  }
  return nullptr;
}

std::unique_ptr<Messenger::PendingDial> Messenger::TakeDial(NodeId node) {
  for (auto& dial : dials_) {
    if (dial->node != node) continue;
    std::swap(dial, dials_.back());
    auto taken = std::move(dials_.back());
    dials_.pop_back();
    return taken;
  }
  return nullptr;
}

void Messenger::DialCrossed(Peer* peer) {
  PendingDial* dial = FindDial(peer->Dialed());
  if (dial != nullptr && dial->peer == peer) dial->peer = nullptr;
  TakePeer(peer);
}

}  // namespace ebbrt
