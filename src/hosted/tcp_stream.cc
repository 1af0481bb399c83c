#include "hosted/tcp_stream.h"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <utility>

#include "common/event_manager.h"
#include "hosted/address.h"
#include "hosted/core.h"

namespace ebbrt::hosted {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr size_t kReceiveSize = 64 << 10;
/// Pieces of a chain given to one system call.
constexpr size_t kGather = 64;
/// How long a closed connection waits for the peer's end of stream.
constexpr std::chrono::seconds kLinger{5};

}  // namespace

std::error_code ToErrorCode(const boost::system::error_code& error) {
  if (!error || error == asio::error::eof) return {};
  return {error.value(), std::generic_category()};
}

TcpStream::TcpStream(tcp::socket socket)
    : socket_(std::move(socket)), linger_(socket_.get_executor()) {
  // A peer that has gone already makes these fail; reading will tell.
  boost::system::error_code ignored;
  local_ = ToEndpoint(socket_.local_endpoint(ignored));
  remote_ = ToEndpoint(socket_.remote_endpoint(ignored));
  socket_.set_option(tcp::no_delay(true), ignored);
}

void TcpStream::SetHandler(TcpConnection::Handler* handler) {
  handler_ = handler;
  if (!reading_) Read();
}

// --- receiving
// -----------------------------------------------------------------

void TcpStream::Read() {
  if (state_ == State::kDone || told_closed_ || ended_) return;
  reading_ = true;
  auto buffer = IOBuf::Create(kReceiveSize);
  auto target = asio::buffer(buffer->WritableTail(), buffer->Tailroom());
  socket_.async_read_some(
      target, [self = shared_from_this(), buffer = std::move(buffer)](
                  const auto& error, size_t bytes) mutable {
        buffer->Append(bytes);
        self->Received(error, std::move(buffer));
      });
}

void TcpStream::Received(const boost::system::error_code& error,
                         std::unique_ptr<IOBuf> data) {
  event_manager->SpawnLocal(
      [self = shared_from_this(), error, data = std::move(data)]() mutable {
        self->Deliver(error, std::move(data));
      });
}

void TcpStream::Deliver(const boost::system::error_code& error,
                        std::unique_ptr<IOBuf> data) {
  reading_ = false;
  if (state_ == State::kClosing) {
    if (error && !writing_) Shut();
    if (error) ended_ = true;  // Sent() will Shut
    if (!error) Read();              // and drop it
    return;
  }
  if (error) {
    if (error != asio::error::eof) return Fail(error);
    ended_ = true;
    if (!paused_) TellEnd();
    return;
  }
  if (handler_ != nullptr) handler_->OnReceive(std::move(data));
  if (!paused_ && !reading_) Read();
}

void TcpStream::ResumeReceive() {
  if (!std::exchange(paused_, false) || state_ != State::kOpen) return;
  if (ended_) {
    event_manager->SpawnLocal([self = shared_from_this()] {
      if (!self->paused_) self->TellEnd();
    });
  } else if (!reading_) {
    Read();
  }
}

// --- sending
// -------------------------------------------------------------------

void TcpStream::Send(std::unique_ptr<IOBuf> data) {
  if (state_ != State::kOpen || ending_send_) return;
  queued_ += data->ChainLength();
  queue_ = JoinChains(std::move(queue_), std::move(data));
  if (writing_ || std::exchange(flush_planned_, true)) return;
  event_manager->AtEndOfEvent([self = shared_from_this()] {
    self->flush_planned_ = false;
    if (!self->writing_) self->Flush();
  });
}

void TcpStream::Flush() {
  if (state_ == State::kDone) return;
  if (queue_ == nullptr) {
    if (state_ == State::kClosing) {
      EndOfStream();
    } else if (ending_send_) {
      ShutSend();
    }
    return;
  }
  std::array<asio::const_buffer, kGather> buffers;
  size_t count = 0;
  const IOBuf* piece = queue_.get();
  do {
    buffers[count++] = asio::buffer(piece->Data(), piece->Length());
    piece = piece->Next();
  } while (piece != queue_.get() && count < kGather);
  for (size_t i = count; i < kGather; ++i) buffers[i] = {};
  writing_ = true;
  socket_.async_write_some(
      buffers, [self = shared_from_this()](const auto& error, size_t bytes) {
        self->Sent(error, bytes);
      });
}

void TcpStream::Sent(const boost::system::error_code& error, size_t bytes) {
  writing_ = false;
  if (state_ == State::kDone) return;
  if (error) {
    event_manager->SpawnLocal(
        [self = shared_from_this(), error] { self->Fail(error); });
    return;
  }
  bool was_above = queued_ > low_water_;
  queued_ -= bytes;
  SplitChain(queue_, bytes);
  while (queue_ != nullptr && queue_->Empty()) queue_ = queue_->Pop();
  if (queue_ != nullptr || state_ == State::kClosing) {
    Flush();
  } else if (ending_send_) {
    ShutSend();
  }
  if (was_above && queued_ <= low_water_) TellDrained();
}

void TcpStream::TellDrained() {
  event_manager->SpawnLocal([self = shared_from_this()] {
    if (self->queued_ <= self->low_water_ && self->state_ == State::kOpen &&
        !self->told_closed_ && self->handler_ != nullptr) {
      self->handler_->OnDrained();
    }
  });
}

// --- ending
// --------------------------------------------------------------------

void TcpStream::EndSend() {
  if (state_ != State::kOpen || std::exchange(ending_send_, true)) return;
  if (!writing_ && !flush_planned_) Flush();
}

/// All is sent.
void TcpStream::ShutSend() {
  boost::system::error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
}

void TcpStream::Close() {
  if (state_ != State::kOpen) return;
  state_ = State::kClosing;
  handler_ = nullptr;
  if (!writing_ && !flush_planned_) Flush();
}

/// All is sent: says so, and waits until the peer has ended as well, because
/// closing a socket with unread bytes resets the connection and may take what
/// was just sent with it.
void TcpStream::EndOfStream() {
  boost::system::error_code error;
  socket_.shutdown(tcp::socket::shutdown_send, error);
  if (error || told_closed_ || ended_) return Shut();
  if (!reading_) Read();
  linger_.expires_after(kLinger);
  linger_.async_wait([self = shared_from_this()](const auto& cancelled) {
    if (!cancelled) self->Shut();
  });
}

void TcpStream::Abort() {
  if (state_ == State::kDone) return;
  handler_ = nullptr;
  boost::system::error_code ignored;
  socket_.set_option(tcp::socket::linger(true, 0), ignored);
  Shut();
}

void TcpStream::Fail(const boost::system::error_code& error) {
  if (state_ == State::kDone) return;
  Shut();
  TellClosed(ToErrorCode(error));
}

void TcpStream::TellEnd() {
  if (!half_open_) return TellClosed({});
  if (std::exchange(told_end_, true)) return;
  if (handler_ != nullptr) handler_->OnEnd();
}

void TcpStream::TellClosed(std::error_code error) {
  if (std::exchange(told_closed_, true)) return;
  if (handler_ != nullptr) std::exchange(handler_, nullptr)->OnClosed(error);
}

void TcpStream::Shut() {
  state_ = State::kDone;
  queue_ = nullptr;
  queued_ = 0;
  linger_.cancel();
  boost::system::error_code ignored;
  socket_.close(ignored);
}

}  // namespace ebbrt::hosted
