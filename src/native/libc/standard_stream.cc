#include "native/libc/standard_stream.h"

#include <poll.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <mutex>
#include <utility>

#include "common/runtime.h"
#include "native/libc/standard_streams.h"
#include "platform/log.h"

namespace ebbrt::libc {

ssize_t StandardStream::Read(std::span<std::byte> to) {
  if (stream_ != 0 || to.empty()) return to.empty() ? 0 : -EAGAIN;
  if (!runtime::IsAtHome()) return 0;
  return Retry(*this, POLLIN, false, [&] { return TakeInput(to); });
}

ssize_t StandardStream::TakeInput(std::span<std::byte> to) {
  {
    std::lock_guard guard(lock_);
    size_t count = std::min(to.size(), input_.size() - input_begin_);
    if (count > 0) {
      std::memcpy(to.data(), input_.data() + input_begin_, count);
      input_begin_ += count;
      return static_cast<ssize_t>(count);
    }
    if (error_ != 0) return -error_;
    if (ended_) {
      ended_ = false;  // a terminal may go on after its end
      return 0;
    }
  }
  AskForInput();
  return -EAGAIN;
}

/// Asks the front-end for input, unless there is some or it is asked already.
void StandardStream::AskForInput() {
  {
    std::lock_guard guard(lock_);
    bool have = input_begin_ < input_.size() || ended_ || error_ != 0;
    if (have || std::exchange(asking_, true)) return;
  }
  (void)file_system->ReadStream(kReadSize).Finally(
      [self = shared_from_this()](Future<FileData> came) {
        {
          std::lock_guard guard(self->lock_);
          self->asking_ = false;
          try {
            auto data = came.Get();
            auto bytes = data.Bytes();
            self->input_.assign(reinterpret_cast<const char*>(bytes.data()),
                                bytes.size());
            self->input_begin_ = 0;
            self->ended_ = bytes.empty();
          } catch (const std::exception&) {
            self->error_ = EIO;
          }
        }
        self->Changed();
      });
}

ssize_t StandardStream::Write(std::span<const std::byte> data) {
  if (runtime::IsAtHome()) {
    return WriteToFrontEnd(stream_ == 2 ? 2 : 1, data.data(), data.size());
  }
  platform::WriteConsole(
      {reinterpret_cast<const char*>(data.data()), data.size()});
  return static_cast<ssize_t>(data.size());
}

StreamState StandardStream::State() const {
  if (!runtime::IsAtHome()) {
    // The node's console.
    return {.mode = S_IFCHR | S_IRUSR | S_IWUSR, .terminal = stream_ != 0};
  }
  return file_system->StreamStatus(stream_).Get();
}

void StandardStream::Status(struct stat& status) {
  status = {};
  status.st_mode = State().mode;
  // It is no socket of this node's, on which programs would call getsockname.
  if (S_ISSOCK(status.st_mode)) {
    status.st_mode = S_IFIFO | (status.st_mode & 07777);
  }
}

bool StandardStream::IsTerminal() const {
  if (!state_) state_ = State();
  return state_->terminal;
}

short StandardStream::Ready() {
  if (stream_ != 0) return POLLOUT;
  if (!runtime::IsAtHome()) return POLLIN | POLLHUP;
  std::lock_guard guard(lock_);
  bool input = input_begin_ < input_.size() || ended_ || error_ != 0;
  return static_cast<short>(input ? POLLIN | POLLOUT : POLLOUT);
}

void StandardStream::Want(short events) {
  if (stream_ == 0 && (events & POLLIN) != 0 && runtime::IsAtHome()) {
    AskForInput();
  }
}

ssize_t StandardStream::Available() {
  std::lock_guard guard(lock_);
  return static_cast<ssize_t>(input_.size() - input_begin_);
}

}  // namespace ebbrt::libc
