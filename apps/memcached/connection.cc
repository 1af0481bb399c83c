#include "apps/memcached/connection.h"

#include <new>
#include <utility>

#include "platform/clock.h"

namespace ebbrt::memcached {
namespace {

/// With this many bytes of answers unsent, requests wait. One more answer may
/// be on top, so a client that never reads costs a value of the longest kind
/// and this.
constexpr size_t kMaxQueued = 256 << 10;

}  // namespace

Connection::Connection(std::unique_ptr<TcpConnection> tcp, Store& store,
                       MoveFunction<void()> ended)
    : tcp_(std::move(tcp)), ended_(std::move(ended)), session_(store) {
  tcp_->SetHandler(this);
}

void Connection::OnReceive(std::unique_ptr<IOBuf> data) {
  session_.Feed(std::move(data));
  if (!waits_for_drain_) Serve();
}

void Connection::OnDrained() {
  if (!std::exchange(waits_for_drain_, false)) return;
  tcp_->ResumeReceive();
  Serve();
}

/// Answers what is there. Requests that still wait for the client to read when
/// it has ended its side are not answered.
void Connection::OnClosed(std::error_code) {
  auto ended = std::move(ended_);
  ended();  // destroys this
}

void Connection::Serve() {
  using Progress = BinarySession::Progress;
  Progress progress;
  try {
    do {
      ReplyBatch replies;
      progress = session_.Answer(replies, kMaxQueued, Clock::now());
      if (replies.Bytes() > 0) tcp_->Send(replies.Take());
    } while (progress == Progress::kFull && tcp_->QueuedBytes() < kMaxQueued);
  } catch (const std::bad_alloc&) {
    // No memory even for an answer: this client goes, the others stay.
    tcp_->Abort();
    progress = Progress::kEnded;
  }
  if (progress == Progress::kEnded) return OnClosed({});
  if (progress == Progress::kFull) {
    waits_for_drain_ = true;
    tcp_->PauseReceive();
  }
}

}  // namespace ebbrt::memcached
