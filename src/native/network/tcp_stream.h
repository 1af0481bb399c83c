// TcpStream: a connection of lwIP's that behaves as network_manager.h says.
//
// The application owns a shell (StreamConnection); the stream lives on behind
// it until what was queued is acknowledged. lwIP's control block (pcb) may go
// first: it is freed by errors and time-outs, which the error callback tells.
//
// Sent data stays in one chain from Send to the acknowledgement:
//
//     queue_ -> [ acknowledged | given to lwIP | unwritten ... ]
//                 ^acked_         ^           ^unwritten_
//
// lwIP references the bytes. Only as much is given to it as it can use soon:
// its own queues are lists it walks. A small answer that leaves at once by the
// fast path is copied into its frame and not kept here at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <system_error>

#include "common/network_manager.h"
#include "lwip/tcp.h"
#include "native/network/deliverable.h"
#include "native/network/fast_path.h"
#include "native/network/stack.h"

namespace ebbrt::network {

/// lwIP's errors as the interface's. `in_tick`: found by a timer.
[[gnu::cold]] std::error_code ToErrorCode(err_t error, bool in_tick);

class TcpStream final : public Deliverable {
 public:
  using Pointer = boost::intrusive_ptr<TcpStream>;

  /// Takes over a connection that a listener has accepted.
  TcpStream(Stack& stack, tcp_pcb* accepted);
  /// Begins to connect; `connected` gets the connection or the error. Throws
  /// std::system_error, std::bad_alloc.
  [[gnu::cold]] static Future<std::unique_ptr<TcpConnection>> Connect(
      Stack& stack, Endpoint remote, Endpoint local);
  ~TcpStream() override;
  /// The stream of a connection, if its segments may take the fast path.
  static TcpStream* Of(const tcp_pcb& pcb);
  /// Takes the segment that the connection expects.
  void Receive(std::unique_ptr<IOBuf> frame);

  void SetHandler(TcpConnection::Handler* handler);
  void Send(std::unique_ptr<IOBuf> data);
  size_t QueuedBytes() const { return queued_; }
  void SetLowWater(size_t bytes) { low_water_ = bytes; }
  void PauseReceive() { paused_ = true; }
  void ResumeReceive();
  void AllowHalfOpen() { half_open_ = true; }
  [[gnu::cold]] void EndSend();
  [[gnu::cold]] void Close();
  [[gnu::cold]] void Abort();
  Endpoint Local() const { return local_; }
  Endpoint Remote() const { return remote_; }

  void Deliver() override;
  [[gnu::cold]] void DeliverFailed() override;
  void Flush() override;

 private:
  using ConnectPromise = Promise<std::unique_ptr<TcpConnection>>;

  explicit TcpStream(Stack& stack) : stack_(stack) {}

  static err_t OnConnected(void* self, tcp_pcb* pcb, err_t error);
  static err_t OnReceived(void* self, tcp_pcb* pcb, pbuf* data, err_t error);
  static err_t OnSent(void* self, tcp_pcb* pcb, u16_t bytes);
  [[gnu::cold]] static err_t OnPoll(void* self, tcp_pcb* pcb);
  [[gnu::cold]] static void OnError(void* self, err_t error);

  [[gnu::cold]] void Attach(tcp_pcb* pcb);
  [[gnu::cold]] tcp_pcb* Detach();
  [[gnu::cold]] void ReadEndpoints();
  void TakeData(std::unique_ptr<IOBuf> data);
  [[gnu::cold]] void DeliverConnected();
  bool DeliverNext();
  void DeliverReceived();
  void Credit(size_t bytes);
  [[gnu::cold]] void DropReceived();
  void Acknowledged(size_t bytes);
  [[gnu::cold]] void DropQueue();
  bool SendAtOnce();
  void WriteQueue();
  bool WritePiece();
  [[gnu::cold]] void FinishClose();
  [[gnu::cold]] void LeaveToTimeWait();

  Stack& stack_;
  tcp_pcb* pcb_ = nullptr;  // while set, lwIP holds a reference to us
  TcpConnection::Handler* handler_ = nullptr;
  std::optional<ConnectPromise> connecting_;
  Interface* link_ = nullptr;  // the way of the fast path's segments, if any
  NextHop next_hop_;
  Endpoint local_;
  Endpoint remote_;

  std::unique_ptr<IOBuf> received_;
  std::unique_ptr<IOBuf> queue_;
  IOBuf* unwritten_ = nullptr;   // the element not wholly given to lwIP
  size_t unwritten_offset_ = 0;  // what of it is
  size_t acked_ = 0;             // of queue_'s first element
  size_t copied_ = 0;  // sent before that element, not kept, not acknowledged
  size_t queued_ = 0;            // not acknowledged
  size_t low_water_ = 0;

  uint32_t polled_ack_ = 0;  // acknowledged at the last poll
  uint8_t idle_polls_ = 0;   // since then, closed, with nothing acknowledged

  std::error_code error_;  // what it ended with, once over_
  bool over_ = false;      // the peer has ended, or there was an error
  bool paused_ = false;
  bool delivering_ = false;
  bool drained_ = false;  // to be told
  bool half_open_ = false;  // the peer's end doesn't end it
  bool told_end_ = false;
  bool ending_ = false;   // EndSend() was called
  bool closing_ = false;  // Close() was called
  bool ended_ = false;    // our end of stream is queued in lwIP
};

/// What the application holds of a stream.
class StreamConnection final : public TcpConnection {
 public:
  explicit StreamConnection(TcpStream::Pointer stream)
      : stream_(std::move(stream)) {}
  ~StreamConnection() override { stream_->Close(); }

  void SetHandler(Handler* handler) override { stream_->SetHandler(handler); }
  void Send(std::unique_ptr<IOBuf> data) override {
    stream_->Send(std::move(data));
  }
  size_t QueuedBytes() const override { return stream_->QueuedBytes(); }
  void SetLowWater(size_t bytes) override { stream_->SetLowWater(bytes); }
  void PauseReceive() override { stream_->PauseReceive(); }
  void ResumeReceive() override { stream_->ResumeReceive(); }
  void AllowHalfOpen() override { stream_->AllowHalfOpen(); }
  void EndSend() override { stream_->EndSend(); }
  void Close() override { stream_->Close(); }
  void Abort() override { stream_->Abort(); }
  Endpoint Local() const override { return stream_->Local(); }
  Endpoint Remote() const override { return stream_->Remote(); }

 private:
  TcpStream::Pointer stream_;
};

}  // namespace ebbrt::network
