#include "native/network/tcp_stream.h"

#include <algorithm>
#include <new>
#include <utility>

#include "common/check.h"
#include "common/concat.h"
#include "lwip/ip.h"
#include "native/network/address.h"
#include "native/network/frame_buffers.h"

namespace ebbrt::network {
namespace {

/// Bytes given to lwIP beyond what it has sent: enough for it to fill several
/// large segments, few enough that its lists stay short.
constexpr uint32_t kUnsentAhead = 64 * 1024;
/// What one tcp_write takes.
constexpr size_t kMostAtOnce = 0xFFFF;
/// OnPoll's period, in lwIP's slow ticks of 500 ms.
constexpr u8_t kPollTicks = 2;
/// A closed connection whose peer takes nothing for so many periods, a minute, is
/// reset (RFC 6429 §3): nobody else would ever give its bytes back.
constexpr u8_t kMostIdlePolls = 60;

}  // namespace

std::error_code ToErrorCode(err_t error, bool in_tick) {
  switch (error) {
    case ERR_OK:
    case ERR_CLSD:
      return {};
    case ERR_RST:
      return std::make_error_code(std::errc::connection_reset);
    case ERR_ABRT:
      return std::make_error_code(in_tick ? std::errc::timed_out
                                          : std::errc::connection_aborted);
    case ERR_TIMEOUT:
      return std::make_error_code(std::errc::timed_out);
    case ERR_RTE:
      return std::make_error_code(std::errc::host_unreachable);
    case ERR_USE:
      return std::make_error_code(std::errc::address_in_use);
    case ERR_MEM:
    case ERR_BUF:
      return std::make_error_code(std::errc::not_enough_memory);
    default:
      return std::make_error_code(std::errc::io_error);
  }
}

// --- coming and going --------------------------------------------------------

TcpStream::TcpStream(Stack& stack, tcp_pcb* accepted) : stack_(stack) {
  Attach(accepted);
  ReadEndpoints();
}

TcpStream::~TcpStream() {
  EBBRT_CHECK(pcb_ == nullptr && queue_ == nullptr,
              "a stream ended before its connection");
}

Future<std::unique_ptr<TcpConnection>> TcpStream::Connect(Stack& stack,
                                                          Endpoint remote,
                                                          Endpoint local) {
  ip_addr_t address = stack.ToLwip(remote.address);
  Pointer stream(new TcpStream(stack));
  stream->remote_ = remote;
  stream->connecting_.emplace();
  auto future = stream->connecting_->GetFuture();
  tcp_pcb* pcb = tcp_new_ip_type(IP_GET_TYPE(&address));
  if (pcb == nullptr) throw std::bad_alloc();
  stream->Attach(pcb);
  err_t error = ERR_OK;
  if (local != Endpoint{}) {
    ip_set_option(pcb, SOF_REUSEADDR);
    ip_addr_t from = stack.ToBind(local.address);
    error = tcp_bind(pcb, &from, local.port);
  }
  if (error == ERR_OK) {
    error = tcp_connect(pcb, &address, remote.port, &OnConnected);
  }
  if (error != ERR_OK) {
    tcp_abort(stream->Detach());
    throw std::system_error(ToErrorCode(error, false),
                            Concat({"connect to ", remote.ToString()}));
  }
  return future;
}

void TcpStream::Attach(tcp_pcb* pcb) {
  pcb_ = pcb;
  intrusive_ptr_add_ref(this);
  tcp_arg(pcb, this);
  tcp_recv(pcb, &OnReceived);
  tcp_sent(pcb, &OnSent);
  tcp_err(pcb, &OnError);
  tcp_poll(pcb, &OnPoll, kPollTicks);
  // What is sent together is gathered before lwIP sees it, so Nagle's wait for
  // more would only delay; and a peer that vanished must be found out.
  tcp_nagle_disable(pcb);
  ip_set_option(pcb, SOF_KEEPALIVE);
}

/// lwIP calls us no more; the control block is the caller's. The caller holds a
/// reference of its own.
tcp_pcb* TcpStream::Detach() {
  tcp_pcb* pcb = std::exchange(pcb_, nullptr);
  tcp_arg(pcb, nullptr);
  tcp_recv(pcb, nullptr);
  tcp_sent(pcb, nullptr);
  tcp_err(pcb, nullptr);
  tcp_poll(pcb, nullptr, 0);
  intrusive_ptr_release(this);
  return pcb;
}

void TcpStream::ReadEndpoints() {
  local_ = {FromLwip(pcb_->local_ip), pcb_->local_port};
  remote_ = {FromLwip(pcb_->remote_ip), pcb_->remote_port};
  if (Interface* link = stack_.Link()) {
    pcb_->large_segment = link->LargestSegment(*pcb_);
    if (link->SumsTcp() && link->IsWayTo4(*pcb_)) link_ = link;
  }
}

// --- inside lwIP: note what happened, tell later
// -------------------------------

err_t TcpStream::OnConnected(void* self, tcp_pcb*, err_t) {
  auto* stream = static_cast<TcpStream*>(self);
  stream->ReadEndpoints();
  stream->stack_.Ready(*stream);
  return ERR_OK;
}

err_t TcpStream::OnReceived(void* self, tcp_pcb*, pbuf* data, err_t) {
  auto* stream = static_cast<TcpStream*>(self);
  if (data == nullptr) {
    stream->over_ = true;
    stream->stack_.Ready(*stream);
    if (stream->ending_) stream->stack_.Dirty(*stream);
    if (stream->pcb_->state == TIME_WAIT) stream->LeaveToTimeWait();
    return ERR_OK;
  }
  try {
    stream->TakeData(TakeFromPbufs(data));
  } catch (const std::bad_alloc&) {
    return ERR_MEM;  // lwIP keeps it and offers it again
  }
  return ERR_OK;
}

void TcpStream::TakeData(std::unique_ptr<IOBuf> data) {
  if (closing_) return Credit(data->ChainLength());
  AppendCompact(received_, std::move(data));
  stack_.Ready(*this);
}

TcpStream* TcpStream::Of(const tcp_pcb& pcb) {
  if (pcb.recv != &OnReceived) return nullptr;
  auto* stream = static_cast<TcpStream*>(pcb.callback_arg);
  return stream->link_ != nullptr ? stream : nullptr;
}

void TcpStream::Receive(std::unique_ptr<IOBuf> frame) {
  size_t acknowledged = ReceiveExpected(*pcb_, frame);
  if (acknowledged > 0) Acknowledged(acknowledged);
  // A second full segment is acknowledged at once (RFC 5681 §4.2), smaller ones
  // with what is answered until the event ends.
  bool full = frame != nullptr && frame->Length() >= pcb_->mss;
  if (frame != nullptr) TakeData(std::move(frame));
  if ((pcb_->flags & TF_ACK_NOW) == 0) return;
  if (full) {
    tcp_output(pcb_);
  } else {
    stack_.Dirty(*this);
  }
}

err_t TcpStream::OnSent(void* self, tcp_pcb*, u16_t bytes) {
  auto* stream = static_cast<TcpStream*>(self);
  stream->Acknowledged(bytes);
  if (stream->pcb_->state == TIME_WAIT) [[unlikely]] {
    stream->LeaveToTimeWait();
  }
  return ERR_OK;
}

/// Once both ends are through, lwIP frees the control block when it likes and tells
/// nobody.
void TcpStream::LeaveToTimeWait() {
  if (queued_ > 0) return;
  Pointer alive(this);
  Detach();
}

/// Tries again what memory was short for, and gives up who takes nothing.
err_t TcpStream::OnPoll(void* self, tcp_pcb* pcb) {
  auto* stream = static_cast<TcpStream*>(self);
  bool moves = std::exchange(stream->polled_ack_, pcb->lastack) != pcb->lastack;
  bool waits = stream->closing_ && stream->queued_ > 0 && !moves;
  stream->idle_polls_ = waits ? stream->idle_polls_ + 1 : 0;
  if (stream->idle_polls_ == kMostIdlePolls) {
    stream->Abort();
    return ERR_ABRT;
  }
  if (stream->unwritten_ != nullptr || stream->closing_ || stream->ending_) {
    stream->stack_.Dirty(*stream);
  }
  return ERR_OK;
}

/// The control block is gone.
void TcpStream::OnError(void* self, err_t error) {
  Pointer stream(static_cast<TcpStream*>(self), false);  // lwIP's reference
  stream->pcb_ = nullptr;
  stream->error_ = ToErrorCode(error, stream->stack_.InTick());
  if (stream->connecting_ && stream->error_ == std::errc::connection_reset) {
    stream->error_ = std::make_error_code(std::errc::connection_refused);
  }
  stream->over_ = true;
  stream->DropQueue();
  stream->stack_.Ready(*stream);
}

// --- receive
// -------------------------------------------------------------------

void TcpStream::SetHandler(TcpConnection::Handler* handler) {
  if (closing_) return;
  handler_ = handler;
  if (received_ != nullptr || over_ || drained_) stack_.ReadySoon(*this);
}

void TcpStream::ResumeReceive() {
  if (!std::exchange(paused_, false)) return;
  if (received_ != nullptr || over_) stack_.ReadySoon(*this);
}

void TcpStream::Deliver() {
  if (connecting_) DeliverConnected();
  // A callback that blocks is not overtaken: its own loop goes on later.
  if (std::exchange(delivering_, true)) return;
  try {
    while (handler_ != nullptr && DeliverNext()) {
    }
  } catch (...) {
    delivering_ = false;
    throw;
  }
  delivering_ = false;
}

void TcpStream::DeliverConnected() {
  auto promise = std::move(*connecting_);
  connecting_.reset();
  if (!over_ || !error_) {
    promise.SetValue(std::make_unique<StreamConnection>(Pointer(this)));
    return;
  }
  promise.SetException(std::make_exception_ptr(
      std::system_error(error_, Concat({"connect to ", remote_.ToString()}))));
}

/// Makes at most one callback. False: there is nothing to tell.
bool TcpStream::DeliverNext() {
  if (received_ != nullptr && !paused_) {
    DeliverReceived();
    return true;
  }
  if (std::exchange(drained_, false) && queued_ <= low_water_) {
    handler_->OnDrained();
    return true;
  }
  // An orderly end comes behind the data; an error doesn't wait for it.
  bool waits = received_ != nullptr || paused_;
  if (!over_ || (waits && !error_)) return false;
  if (half_open_ && !error_) {
    if (std::exchange(told_end_, true)) return false;
    handler_->OnEnd();
    return true;
  }
  DropReceived();
  std::exchange(handler_, nullptr)->OnClosed(error_);
  return true;
}

void TcpStream::DeliverReceived() {
  auto data = std::move(received_);
  Credit(data->ChainLength());
  handler_->OnReceive(std::move(data));
}

/// The handler threw: the connection is reset, and the handler, if it is still
/// there, told so, that it may clean up.
void TcpStream::DeliverFailed() {
  auto* handler = handler_;
  Abort();
  if (handler == nullptr) return;
  handler_ = handler;
  over_ = true;
  error_ = std::make_error_code(std::errc::connection_aborted);
  stack_.ReadySoon(*this);
}

/// Opens the window by what was taken.
void TcpStream::Credit(size_t bytes) {
  while (pcb_ != nullptr && bytes > 0) {
    auto step = static_cast<u16_t>(std::min(bytes, kMostAtOnce));
    tcp_recved(pcb_, step);
    bytes -= step;
  }
}

void TcpStream::DropReceived() {
  if (received_ == nullptr) return;
  Credit(received_->ChainLength());
  received_.reset();
}

// --- send
// ------------------------------------------------------------------------

void TcpStream::Send(std::unique_ptr<IOBuf> data) {
  if (data == nullptr || closing_ || ending_ || pcb_ == nullptr) return;
  size_t bytes = data->ChainLength();
  if (bytes == 0) return;
  if (unwritten_ == nullptr) {
    unwritten_ = data.get();
    unwritten_offset_ = 0;
  }
  queue_ = JoinChains(std::move(queue_), std::move(data));
  queued_ += bytes;
  stack_.Dirty(*this);
}

void TcpStream::Flush() {
  if (pcb_ == nullptr) return;
  Pointer alive(this);
  if (SendAtOnce() && !closing_ && !ending_) return;
  WriteQueue();
  if ((closing_ || ending_) && unwritten_ == nullptr) FinishClose();
  if (pcb_ != nullptr) tcp_output(pcb_);
}

/// Sends all that is unwritten, if that is one ordinary segment.
bool TcpStream::SendAtOnce() {
  if (unwritten_ == nullptr || link_ == nullptr) return false;
  size_t bytes = unwritten_->Length() - unwritten_offset_;
  for (IOBuf* more = unwritten_->Next(); more != queue_.get();
       more = more->Next()) {
    bytes += more->Length();
    if (bytes > pcb_->mss) return false;
  }
  if (bytes == 0) return false;
  Sent sent = SendSegment(*pcb_, *link_, next_hop_, *unwritten_,
                          unwritten_offset_, bytes);
  if (sent == Sent::kNot) return false;
  if (sent == Sent::kCopied && unwritten_ == queue_.get() &&
      unwritten_offset_ == 0) {
    queue_.reset();
    copied_ += bytes;
  }
  unwritten_ = nullptr;
  unwritten_offset_ = 0;
  return true;
}

void TcpStream::WriteQueue() {
  while (unwritten_ != nullptr && WritePiece()) {
  }
}

/// Gives lwIP a piece of the first unwritten element. False: no more for now.
bool TcpStream::WritePiece() {
  auto rest = unwritten_->Bytes().subspan(unwritten_offset_);
  size_t size = std::min({rest.size(), kMostAtOnce, size_t{tcp_sndbuf(pcb_)}});
  if (pcb_->snd_lbb - pcb_->snd_nxt > kUnsentAhead) return false;
  if (size == 0 && !rest.empty()) return false;
  bool whole = size == rest.size();
  IOBuf* next = unwritten_->Next();
  bool last = whole && next == queue_.get();
  if (size > 0) {
    u8_t flags = last ? 0 : TCP_WRITE_FLAG_MORE;
    if (whole && size <= kCopyLimit) flags |= TCP_WRITE_FLAG_COPY;
    // OnPoll or the next acknowledgement tries again.
    if (tcp_write(pcb_, rest.data(), static_cast<u16_t>(size), flags) !=
        ERR_OK) {
      return false;
    }
  }
  if (!whole) {
    unwritten_offset_ += size;
    return true;
  }
  unwritten_ = last ? nullptr : next;
  unwritten_offset_ = 0;
  return true;
}

void TcpStream::Acknowledged(size_t bytes) {
  bool was_above = queued_ > low_water_;
  queued_ -= std::min(bytes, queued_);
  size_t copied = std::min(bytes, copied_);
  copied_ -= copied;
  acked_ += bytes - copied;
  std::unique_ptr<IOBuf> done;
  while (queue_ != nullptr && queue_.get() != unwritten_ &&
         acked_ >= queue_->Length()) {
    acked_ -= queue_->Length();
    auto rest = queue_->Pop();
    done = JoinChains(std::move(done), std::move(queue_));
    queue_ = std::move(rest);
  }
  if (done != nullptr) stack_.ReleaseAfterTransmit(std::move(done));
  if (was_above && queued_ <= low_water_) {
    drained_ = true;
    stack_.Ready(*this);
  }
  if (unwritten_ != nullptr || closing_ || ending_) stack_.Dirty(*this);
}

void TcpStream::DropQueue() {
  unwritten_ = nullptr;
  queued_ = 0;
  copied_ = 0;
  if (queue_ != nullptr) {
    stack_.ReleaseAfterTransmit(std::move(queue_));
  }
}

// --- the end
// -----------------------------------------------------------------------

void TcpStream::EndSend() {
  if (std::exchange(ending_, true) || pcb_ == nullptr) return;
  stack_.Dirty(*this);
}

void TcpStream::Close() {
  handler_ = nullptr;
  if (std::exchange(closing_, true)) return;
  DropReceived();
  if (pcb_ != nullptr) stack_.Dirty(*this);
}

/// Everything is written: queues our end of stream, and once all is
/// acknowledged leaves the rest of the farewell to lwIP.
void TcpStream::FinishClose() {
  if (!ended_) {
    // Not tcp_close yet, which would answer data that still comes with a reset
    // and so lose what we have sent.
    err_t error = tcp_shutdown(pcb_, 0, 1);
    if (error == ERR_MEM) return;
    ended_ = true;
  }
  // As long as the peer goes on and we listen, the connection does.
  if (queued_ > 0 || (!closing_ && !over_)) return;
  tcp_pcb* pcb = Detach();
  if (tcp_close(pcb) != ERR_OK) tcp_abort(pcb);
}

void TcpStream::Abort() {
  Pointer alive(this);
  closing_ = true;
  handler_ = nullptr;
  received_.reset();
  if (pcb_ != nullptr) tcp_abort(Detach());
  DropQueue();
}

}  // namespace ebbrt::network
