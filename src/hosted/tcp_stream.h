// TcpStream: a Linux TCP socket that behaves as network_manager.h says.
//
// The TcpConnection that the application owns is a shell (SocketConnection);
// the stream lives on behind it until what was queued is sent and the peer has
// ended too. All of it belongs to one core. Reactor handlers never call the
// application: they spawn an event that does.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <system_error>

#include "common/network_manager.h"

namespace ebbrt::hosted {

class TcpStream : public std::enable_shared_from_this<TcpStream> {
 public:
  explicit TcpStream(boost::asio::ip::tcp::socket socket);

  void SetHandler(TcpConnection::Handler* handler);
  void Send(std::unique_ptr<IOBuf> data);
  size_t QueuedBytes() const { return queued_; }
  void SetLowWater(size_t bytes) { low_water_ = bytes; }
  void PauseReceive() { paused_ = true; }
  void ResumeReceive();
  void AllowHalfOpen() { half_open_ = true; }
  void EndSend();
  void Close();
  void Abort();
  Endpoint Local() const { return local_; }
  Endpoint Remote() const { return remote_; }

 private:
  enum class State {
    kOpen,     // both directions, as far as we know
    kClosing,  // Close() was called: flush, end of stream, wait for the peer's
    kDone,     // the socket is closed
  };

  void Read();
  void Received(const boost::system::error_code& error,
                std::unique_ptr<IOBuf> data);
  void Deliver(const boost::system::error_code& error,
               std::unique_ptr<IOBuf> data);
  void Flush();
  void Sent(const boost::system::error_code& error, size_t bytes);
  void TellDrained();
  void Fail(const boost::system::error_code& error);
  void TellClosed(std::error_code error);
  void TellEnd();
  void ShutSend();
  void EndOfStream();
  void Shut();

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer linger_;
  TcpConnection::Handler* handler_ = nullptr;
  Endpoint local_;
  Endpoint remote_;
  std::unique_ptr<IOBuf> queue_;
  size_t queued_ = 0;
  size_t low_water_ = 0;
  State state_ = State::kOpen;
  bool flush_planned_ = false;
  bool writing_ = false;
  bool reading_ = false;
  bool paused_ = false;
  bool ended_ = false;  // the peer has, which is told when receiving goes on
  bool half_open_ = false;     // that end doesn't end the connection
  bool told_end_ = false;
  bool ending_send_ = false;  // EndSend was called
  bool told_closed_ = false;
};

/// What the application holds of a stream.
class SocketConnection : public TcpConnection {
 public:
  explicit SocketConnection(boost::asio::ip::tcp::socket socket)
      : stream_(std::make_shared<TcpStream>(std::move(socket))) {}
  ~SocketConnection() override { stream_->Close(); }

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
  std::shared_ptr<TcpStream> stream_;
};

/// Asio's errors as the interface's; the peer's orderly end is no error.
std::error_code ToErrorCode(const boost::system::error_code& error);

}  // namespace ebbrt::hosted
