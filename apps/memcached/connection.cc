#include "apps/memcached/connection.h"

#include <algorithm>
#include <new>
#include <string>
#include <utility>

#include "platform/clock.h"
#include "platform/log.h"

namespace ebbrt::memcached {
namespace {

/// With this many bytes of answers unsent, requests wait. One more answer may
/// be on top, so a client that never reads costs a value of the longest kind
/// and this.
constexpr size_t kMaxQueued = 256 << 10;
/// Down at so many, they go on.
constexpr size_t kLowWater = kMaxQueued / 2;

}  // namespace

Connection::Connection(std::unique_ptr<TcpConnection> tcp, Service& service,
                       MoveFunction<void()> ended)
    : tcp_(std::move(tcp)),
      service_(service),
      counters_(service.counters.Mine()),
      ended_(std::move(ended)) {
  if (service_.settings.verbosity > 1) {
    platform::WriteConsole("memcached: " + tcp_->Remote().ToString() +
                           " has connected\n");
  }
  tcp_->SetLowWater(kLowWater);
  tcp_->SetHandler(this);
  ++counters_.total;
  ++counters_.current;
}

Connection::~Connection() { --counters_.current; }

void Connection::OnReceive(std::unique_ptr<IOBuf> data) {
  counters_.bytes_read += data->ChainLength();
  if (state_ == State::kEnding) return;
  try {
    if (session_ == nullptr) session_ = Session::For(*data, service_);
    session_->Feed(std::move(data));
  } catch (const std::bad_alloc&) {
    tcp_->Abort();
    return End();
  }
  if (state_ == State::kServing) Serve();
}

void Connection::OnDrained() {
  if (state_ == State::kEnding) return End();
  if (state_ == State::kServing) return;
  state_ = State::kServing;
  if (Serve() && state_ == State::kServing) tcp_->ResumeReceive();
}

/// The client's end comes behind all that it has asked.
void Connection::OnClosed(std::error_code error) {
  if (error) {
    End();
  } else {
    EndWhenSent();
  }
}

/// Answers what is there. False: this is destroyed.
bool Connection::Serve() {
  using Progress = Session::Progress;
  Progress progress;
  try {
    ReplyBatch replies;
    const size_t queued = std::min(tcp_->QueuedBytes(), kMaxQueued);
    progress = session_->Answer(replies, kMaxQueued - queued, Clock::now());
    counters_.bytes_written += replies.Bytes();
    sent_ += replies.Bytes();
    if (replies.Bytes() > 0) tcp_->Send(replies.Take());
  } catch (const std::bad_alloc&) {
    // No memory even for an answer: this client goes, the others stay.
    tcp_->Abort();
    End();
    return false;
  }
  if (progress == Progress::kEnded) return EndWhenSent();
  if (progress == Progress::kFull) {
    state_ = State::kFull;
    tcp_->PauseReceive();
  }
  return true;
}

/// The client counts until it has its answers. False: this is destroyed.
bool Connection::EndWhenSent() {
  state_ = State::kEnding;
  session_.reset();
  tcp_->SetLowWater(0);
  if (tcp_->QueuedBytes() > 0) return true;
  End();
  return false;
}

void Connection::End() {
  auto ended = std::move(ended_);
  ended();  // destroys this
}

void Connection::Tick() {
  const size_t queued = tcp_->QueuedBytes();
  // After the client's end nothing tells us that all is sent.
  if (queued == 0 && state_ == State::kEnding) return End();
  const uint64_t taken = sent_ - queued;
  if (queued == 0 || taken != std::exchange(taken_, taken)) {
    quiet_ticks_ = 0;
  } else if (++quiet_ticks_ > service_.settings.patience.count()) {
    GiveUp();
  }
}

void Connection::GiveUp() {
  if (service_.settings.verbosity > 0) {
    platform::WriteConsole("memcached: " + tcp_->Remote().ToString() +
                           " does not read its answers: closed\n");
  }
  tcp_->Abort();
  End();
}

}  // namespace ebbrt::memcached
