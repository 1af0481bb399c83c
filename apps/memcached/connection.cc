#include "apps/memcached/connection.h"

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

}  // namespace

Connection::Connection(std::unique_ptr<TcpConnection> tcp, Service& service,
                       MoveFunction<void()> ended)
    : tcp_(std::move(tcp)), service_(service), ended_(std::move(ended)) {
  tcp_->SetHandler(this);
  ++service_.counters.total;
  ++service_.counters.current;
  if (service_.settings.verbosity > 1) {
    platform::WriteConsole("memcached: " + tcp_->Remote().ToString() +
                           " has connected\n");
  }
}

Connection::~Connection() { --service_.counters.current; }

void Connection::OnReceive(std::unique_ptr<IOBuf> data) {
  service_.counters.bytes_read += data->ChainLength();
  try {
    if (session_ == nullptr) session_ = Session::For(*data, service_);
    session_->Feed(std::move(data));
  } catch (const std::bad_alloc&) {
    tcp_->Abort();
    return OnClosed({});
  }
  if (!patience_.Running()) Serve();
}

void Connection::OnDrained() {
  if (!patience_.Running()) return;
  patience_.Stop();
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
  using Progress = Session::Progress;
  Progress progress;
  try {
    do {
      ReplyBatch replies;
      progress = session_->Answer(replies, kMaxQueued, Clock::now());
      service_.counters.bytes_written += replies.Bytes();
      if (replies.Bytes() > 0) tcp_->Send(replies.Take());
    } while (progress == Progress::kFull && tcp_->QueuedBytes() < kMaxQueued);
  } catch (const std::bad_alloc&) {
    // No memory even for an answer: this client goes, the others stay.
    tcp_->Abort();
    progress = Progress::kEnded;
  }
  if (progress == Progress::kEnded) return OnClosed({});
  if (progress == Progress::kFull) {
    tcp_->PauseReceive();
    WaitForDrain();
  }
}

void Connection::WaitForDrain() {
  patience_.Start(
      service_.settings.patience, [this, waiting = tcp_->QueuedBytes()] {
        if (tcp_->QueuedBytes() < waiting) return WaitForDrain();
        if (service_.settings.verbosity > 0) {
          platform::WriteConsole("memcached: " + tcp_->Remote().ToString() +
                                 " does not read its answers: closed\n");
        }
        tcp_->Abort();
        OnClosed({});
      });
}

}  // namespace ebbrt::memcached
