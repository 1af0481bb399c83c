#include "common/messenger_peer.h"

#include <cstring>
#include <utility>

#include "common/concat.h"
#include "common/deadline.h"
#include "common/event_manager.h"
#include "common/protocol.h"
#include "platform/runtime_port.h"

namespace ebbrt {
namespace {

using namespace std::chrono_literals;

/// How long a connection may take to prove itself.
constexpr auto kHelloDeadline = 10s;

/// So much may wait to be read, bytes, before anybody asks whether it is: a timer
/// for every message would cost more than it is worth.
constexpr size_t kUnwatched = 256 * 1024;

/// The payload of kHello: the secret, the node's id, and the port where other
/// nodes reach it (0: nowhere), little-endian.
constexpr uint32_t kHelloSize =
    sizeof(Secret) + sizeof(NodeId) + sizeof(uint16_t);

/// Until the proof no frame need be longer: a hello, or an error's text.
constexpr uint32_t kMaxUnproven = 1024;
static_assert(kHelloSize <= kMaxUnproven);

struct Hello {
  NodeId node;
  uint16_t port;
};

void Put(std::byte* place, uint16_t value) {
  place[0] = static_cast<std::byte>(value & 0xFF);
  place[1] = static_cast<std::byte>(value >> 8);
}

uint16_t Take(const std::byte* place) {
  return static_cast<uint16_t>(std::to_integer<unsigned>(place[0]) |
                               std::to_integer<unsigned>(place[1]) << 8);
}

[[gnu::cold]] std::unique_ptr<IOBuf> MakeHello(const Secret& secret,
                                               const Hello& hello) {
  std::array<std::byte, kHelloSize> bytes;
  std::memcpy(bytes.data(), secret.data(), secret.size());
  Put(&bytes[secret.size()], hello.node);
  Put(&bytes[secret.size() + 2], hello.port);
  return IOBuf::Copy(bytes, FrameHeader::kSize);
}

std::string Text(const Frame& frame) {
  return frame.payload == nullptr ? "" : frame.payload->ToString();
}

/// Throws BadFrame unless the frame is a hello of who knows the secret.
[[gnu::cold]] Hello CheckHello(const Frame& frame, const Secret& secret) {
  if (frame.header.kind == FrameKind::kError) {
    throw BadFrame(Concat({"refused: ", Text(frame)}));
  }
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
  return {Take(&bytes[secret.size()]), Take(&bytes[secret.size() + 2])};
}

}  // namespace

[[gnu::cold]] Messenger::Peer::Peer(Messenger& messenger,
                                    std::unique_ptr<TcpConnection> connection,
                                    NodeId dialed)
    : messenger_(messenger),
      connection_(std::move(connection)),
      parser_(kMaxUnproven),
      dialed_(dialed) {
  connection_->SetHandler(this);
  if (dialed != kNoNode) SendHello();
  hello_deadline_.Start(kHelloDeadline, [this] {
    messenger_.PeerEnded(this, "no hello in time");
  });
}

[[gnu::cold]] std::string Messenger::Peer::Name() const {
  return node_ != kNoNode ? Concat({"node ", node_}) : Remote().ToString();
}

[[gnu::cold]] void Messenger::Peer::SendHello() {
  Send({.kind = FrameKind::kHello},
       MakeHello(messenger_.secret_, {messenger_.self_, messenger_.Port()}));
}

void Messenger::Peer::Call(FrameHeader header,
                           std::unique_ptr<IOBuf> parameters,
                           Clock::duration deadline,
                           Promise<RawMessage> promise) {
  do {
    header.request = next_request_++;
  } while (header.request == 0 || calls_.contains(header.request));
  PendingCall& call = calls_[header.request];
  call.promise = std::move(promise);
  call.timer.Start(deadline, [this, request = header.request, deadline] {
    auto late = calls_.extract(request);
    late.mapped().promise.SetException(
        std::make_exception_ptr(DeadlineExceeded(deadline)));
  });
  Send(header, std::move(parameters));
}

void Messenger::Peer::Send(FrameHeader header, std::unique_ptr<IOBuf> payload) {
  auto frame = MakeFrame(header, std::move(payload));
  if constexpr (platform::kMayBeFrontEnd) ++traffic_.sent_messages;
  traffic_.sent_bytes += frame->ChainLength();
  connection_->Send(std::move(frame));
  if (connection_->QueuedBytes() > kUnwatched && !patience_.Running()) {
    WatchReader();
  }
}

void Messenger::Peer::WatchReader() {
  uint64_t taken = traffic_.sent_bytes - connection_->QueuedBytes();
  patience_.Start(messenger_.patience_, [this, taken] {
    size_t queued = connection_->QueuedBytes();
    if (queued == 0) return;
    if (traffic_.sent_bytes - queued != taken) return WatchReader();
    connection_->Abort();  // with what is queued
    messenger_.PeerEnded(this, "it doesn't read");
  });
}

[[gnu::cold]] void Messenger::Peer::FailCalls(const std::string& why) {
  for (auto& [request, call] : std::exchange(calls_, {})) {
    FailLater(std::move(call.promise), NodeLost(node_, why));
  }
}

void Messenger::Peer::OnReceive(std::unique_ptr<IOBuf> data) {
  try {
    if constexpr (platform::kMayBeFrontEnd) {
      traffic_.received_bytes += data->ChainLength();
    }
    parser_.Feed(std::move(data));
    while (auto frame = parser_.Next()) {
      if constexpr (platform::kMayBeFrontEnd) ++traffic_.received_messages;
      if (node_ != kNoNode) {
        Handle(*std::move(frame));
      } else if (!Greet(*frame)) {
        return;
      }
    }
  } catch (const std::exception& error) {
    Send({.kind = FrameKind::kError},
         IOBuf::Copy(std::string_view(error.what())));
    messenger_.PeerEnded(this, error.what());  // destroys this
  }
}

[[gnu::cold]] void Messenger::Peer::OnClosed(std::error_code error) {
  std::string why = error ? error.message() : "it closed the connection";
  if (parser_.InFrame()) why += " in the middle of a frame";
  messenger_.PeerEnded(this, why);
}

[[gnu::cold]] bool Messenger::Peer::Greet(const Frame& frame) {
  if (dialed_ != kNoNode && frame.header.kind == FrameKind::kCrossed) {
    messenger_.DialCrossed(this);  // destroys this
    return false;
  }
  auto [node, port] = CheckHello(frame, messenger_.secret_);
  if (!messenger_.Admit(*this, node, port)) {
    Send({.kind = FrameKind::kCrossed}, nullptr);
    messenger_.TakePeer(this);  // destroys this
    return false;
  }
  hello_deadline_.Stop();
  parser_.SetMaxPayload(kMaxPayload);
  node_ = node;
  if (dialed_ == kNoNode) SendHello();
  messenger_.SendWaiting(*this);
  return true;
}

void Messenger::Peer::Handle(Frame frame) {
  switch (frame.header.kind) {
    case FrameKind::kCall:
      // An event of its own: it may block, and must not be on our stack.
      EventManager::Spawn(
          [&messenger = messenger_, node = node_,
           frame = std::make_unique<Frame>(std::move(frame))]() mutable {
            messenger.Serve(node, std::move(*frame));
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
      return Answer(frame, [text = Text(frame)](Promise<RawMessage>& promise) {
        promise.SetException(std::make_exception_ptr(RemoteError(text)));
      });
    case FrameKind::kHello:
    case FrameKind::kCrossed:
      throw BadFrame("a second hello");
  }
}

/// Ends a call that was waiting. What waits for it continues as an event of
/// its own: it may block, and may end this connection.
template <typename F>
void Messenger::Peer::Answer(const Frame& frame, F set) {
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
          if (promise.Valid()) promise.SetException(std::current_exception());
        }
      });
}

}  // namespace ebbrt
