#include "common/messenger.h"

#include <cstring>
#include <span>
#include <utility>

#include "common/concat.h"
#include "common/deadline.h"
#include "common/ebb_end.h"
#include "common/event_manager.h"
#include "common/protocol.h"
#include "common/runtime.h"
#include "common/timer.h"
#include "platform/log.h"

namespace ebbrt {
namespace {

using namespace std::chrono_literals;

/// How long a connection may take to prove itself.
constexpr auto kHelloDeadline = 10s;

/// The payload of kHello: the secret, then the node's id, little-endian.
constexpr uint32_t kHelloSize = sizeof(Secret) + sizeof(NodeId);

[[gnu::cold]] std::unique_ptr<IOBuf> MakeHello(const Secret& secret) {
  std::array<std::byte, kHelloSize> bytes;
  std::memcpy(bytes.data(), secret.data(), secret.size());
  NodeId node = runtime::ThisNode();
  bytes[secret.size()] = static_cast<std::byte>(node & 0xFF);
  bytes[secret.size() + 1] = static_cast<std::byte>(node >> 8);
  return MakeFrame({.kind = FrameKind::kHello},
                   IOBuf::Copy(bytes, FrameHeader::kSize));
}

/// The node that said hello. Throws BadFrame unless it knows the secret.
[[gnu::cold]] NodeId CheckHello(const Frame& frame, const Secret& secret) {
  if (frame.header.kind != FrameKind::kHello ||
      frame.header.length != kHelloSize) {
    throw BadFrame("the first frame is no hello");
  }
  std::array<std::byte, kHelloSize> bytes;
  frame.payload->CopyOut(bytes);
  // All bytes are compared whatever the first ones are, so that the time taken
  // tells nothing about the secret.
  unsigned difference = 0;
  for (size_t i = 0; i < secret.size(); ++i) {
    difference |= secret[i] ^ std::to_integer<unsigned>(bytes[i]);
  }
  if (difference != 0) {
    throw BadFrame("wrong secret; the peer belongs to another application");
  }
  return static_cast<NodeId>(std::to_integer<unsigned>(bytes[secret.size()]) |
                             std::to_integer<unsigned>(bytes[secret.size() + 1])
                                 << 8);
}

/// Fails `promise` in an event of its own: what waits for it may do anything.
template <typename T>
[[gnu::cold]] void FailLater(Promise<T> promise, NodeLost error) {
  EventManager::Spawn([promise = std::move(promise), error]() mutable {
    promise.SetException(std::make_exception_ptr(error));
  });
}

}  // namespace

NodeLost::NodeLost(NodeId node, const std::string& why)
    : std::runtime_error(Concat({"node ", node, " is lost: ", why})),
      node_(node) {}

/// One connection and the calls that wait on it. Core 0.
class Messenger::Peer : public TcpConnection::Handler {
 public:
  [[gnu::cold]] Peer(Messenger& messenger,
                     std::unique_ptr<TcpConnection> connection)
      : messenger_(messenger), connection_(std::move(connection)) {
    connection_->SetHandler(this);
    connection_->Send(MakeHello(messenger_.secret_));
    deadline_.Start(kHelloDeadline, [this] { End("no hello in time"); });
  }

  NodeId Node() const { return node_; }

  void Call(FrameHeader header, std::unique_ptr<IOBuf> parameters,
            Clock::duration deadline, Promise<RawMessage> promise) {
    do {
      header.request = next_request_++;
    } while (header.request == 0 || calls_.contains(header.request));
    auto frame = MakeFrame(header, std::move(parameters));
    PendingCall& call = calls_[header.request];
    call.promise = std::move(promise);
    call.timer.Start(deadline, [this, request = header.request, deadline] {
      auto late = calls_.extract(request);
      late.mapped().promise.SetException(
          std::make_exception_ptr(DeadlineExceeded(deadline)));
    });
    connection_->Send(std::move(frame));
  }

  void OnReceive(std::unique_ptr<IOBuf> data) override {
    try {
      parser_.Feed(std::move(data));
      while (auto frame = parser_.Next()) {
        if (node_ == kNoNode) {
          Greet(*frame);
        } else {
          Handle(*std::move(frame));
        }
      }
    } catch (const std::exception& error) {
      connection_->Send(MakeFrame({.kind = FrameKind::kError},
                                  IOBuf::Copy(std::string_view(error.what()))));
      End(error.what());  // destroys this
    }
  }

  [[gnu::cold]] void OnClosed(std::error_code error) override {
    std::string why = error ? error.message() : "it closed the connection";
    if (parser_.InFrame()) why += " in the middle of a frame";
    End(why);
  }

  /// Fails every call that waits.
  [[gnu::cold]] void FailCalls(const std::string& why) {
    for (auto& [request, call] : std::exchange(calls_, {})) {
      FailLater(std::move(call.promise), NodeLost(node_, why));
    }
  }

  [[gnu::cold]] std::string Name() const {
    return node_ != kNoNode ? Concat({"node ", node_})
                            : connection_->Remote().ToString();
  }

 private:
  struct PendingCall {
    Promise<RawMessage> promise;
    Timer timer;
  };

  void End(const std::string& why) { messenger_.PeerEnded(this, why); }

  [[gnu::cold]] void Greet(const Frame& frame) {
    if (frame.header.kind == FrameKind::kError) {
      throw BadFrame(Concat({"refused: ", Text(frame)}));
    }
    NodeId node = CheckHello(frame, messenger_.secret_);
    deadline_.Stop();
    parser_.SetMaxPayload(kMaxPayload);
    messenger_.AddNode(*this, node);
    node_ = node;
  }

  void Handle(Frame frame) {
    switch (frame.header.kind) {
      case FrameKind::kCall:
        // An event of its own: it may block, and must not be on our stack.
        EventManager::Spawn(
            [&messenger = messenger_, node = node_,
             frame = std::make_unique<Frame>(std::move(frame))]() mutable {
              Serve(messenger, node, std::move(*frame));
            });
        return;
      case FrameKind::kReply:
        return Answer(frame, [payload = std::move(frame.payload)](
                                 Promise<RawMessage>& promise) mutable {
          promise.SetValue(RawMessage::FromBytes(std::move(payload)));
        });
      case FrameKind::kError:
        if (frame.header.request == 0) {
          throw BadFrame(Concat({"it reported: ", Text(frame)}));
        }
        return Answer(
            frame, [text = Text(frame)](Promise<RawMessage>& promise) {
              promise.SetException(std::make_exception_ptr(RemoteError(text)));
            });
      case FrameKind::kHello:
        throw BadFrame("a second hello");
    }
  }

  /// Ends a call that was waiting. What waits for it continues as an event of
  /// its own: it may block, and may end this connection.
  template <typename F>
  void Answer(const Frame& frame, F set) {
    auto call = calls_.find(frame.header.request);
    if (call == calls_.end()) {
      if (frame.header.request < next_request_) return;  // past its deadline
      throw BadFrame("an answer to a call that wasn't made");
    }
    auto promise = std::move(call->second.promise);
    calls_.erase(call);
    EventManager::Spawn(
        [promise = std::move(promise), set = std::move(set)]() mutable {
          try {
            set(promise);
          } catch (...) {  // an answer that is no message fails its own call
            if (promise.Valid()) {
              promise.SetException(std::current_exception());
            }
          }
        });
  }

  static std::string Text(const Frame& frame) {
    return frame.payload == nullptr ? "" : frame.payload->ToString();
  }

  static void Serve(Messenger& messenger, NodeId from, Frame frame) {
    FrameHeader header = frame.header;
    Dispatch(from, std::move(frame))
        .Finally([&messenger, from,
                  header](Future<std::unique_ptr<IOBuf>> done) {
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
          auto peer = messenger.nodes_.find(from);
          if (peer == messenger.nodes_.end()) return;
          peer->second->connection_->Send(
              MakeFrame(answer, std::move(payload)));
        })
        .Detach("answering a call");
  }

  static Future<std::unique_ptr<IOBuf>> Dispatch(NodeId from, Frame frame) {
    try {
      auto server = FindProtocol(frame.header.protocol);
      if (server == nullptr) {
        throw std::runtime_error(
            "this node has no Ebb type of that protocol; were front-end and "
            "image built from the same source?");
      }
      return server({from, frame.header.ebb, frame.header.method,
                     RawMessage::FromBytes(std::move(frame.payload))});
    } catch (...) {
      return MakeFailedFuture<std::unique_ptr<IOBuf>>(std::current_exception());
    }
  }

  Messenger& messenger_;
  std::unique_ptr<TcpConnection> connection_;
  FrameParser parser_{kHelloSize > 1024 ? kHelloSize : 1024};
  NodeId node_ = kNoNode;
  Timer deadline_;
  uint32_t next_request_ = 1;
  std::unordered_map<uint32_t, PendingCall> calls_;  // not answered
};

Messenger& Messenger::HandleFault(EbbId id) {
  static Messenger* messenger = [] {
    detail::ServeEnds();
    return new Messenger;  // lives as long as the node
  }();
  CacheRep(id, messenger);
  return *messenger;
}

Endpoint Messenger::Listen(const Secret& secret) {
  secret_ = secret;
  listener_ = network_manager->Listen(
      0, [this](std::unique_ptr<TcpConnection> c) { Accept(std::move(c)); });
  return {network_manager->Address(), listener_->Local().port};
}

void Messenger::Accept(std::unique_ptr<TcpConnection> connection) {
  auto peer = std::make_unique<Peer>(*this, std::move(connection));
  Peer* key = peer.get();
  peers_.emplace(key, std::move(peer));
}

Future<> Messenger::DialHome(Endpoint front_end, const Secret& secret) {
  secret_ = secret;
  return network_manager->Connect(front_end).Finally(
      [this](Future<std::unique_ptr<TcpConnection>> connected) {
        try {
          Accept(connected.Get());
        } catch (const std::system_error& error) {
          throw NodeLost(kFrontEndNode, error.what());
        }
        return WaitForNode(kFrontEndNode);
      });
}

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
  if (peer == nodes_.end()) {
    promise.SetException(
        std::make_exception_ptr(NodeLost(node, "it is not connected")));
    return;
  }
  peer->second->Call(header, std::move(parameters), deadline,
                     std::move(promise));
}

std::vector<NodeId> Messenger::Nodes() const {
  std::vector<NodeId> nodes;
  for (const auto& [node, peer] : nodes_) nodes.push_back(node);
  return nodes;
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
  auto peer = nodes_.find(node);
  if (peer != nodes_.end()) PeerEnded(peer->second, why);
}

void Messenger::AddNode(Peer& peer, NodeId node) {
  if (node == kNoNode || node == runtime::ThisNode()) {
    throw BadFrame(Concat({"a hello from node ", node}));
  }
  if (!nodes_.try_emplace(node, &peer).second) {
    throw BadFrame(Concat({"node ", node, " is connected already"}));
  }
  for (auto& promise : TakeWaiting(node)) {
    EventManager::Spawn(
        [promise = std::move(promise)]() mutable { promise.SetValue(); });
  }
}

void Messenger::PeerEnded(Peer* peer, const std::string& why) {
  auto owner = peers_.extract(peer);
  NodeId node = peer->Node();
  if (node != kNoNode) {
    nodes_.erase(node);
    peer->FailCalls(why);
    for (auto& function : on_node_lost_) function(node, why);
    return;
  }
  platform::WriteConsole(Concat({"ebbrt: messenger: connection with ",
                                 peer->Name(), " refused: ", why, "\n"}));
  // Who waits in DialHome.
  if (runtime::ThisNode() != kFrontEndNode) ForgetNode(kFrontEndNode, why);
}

}  // namespace ebbrt
