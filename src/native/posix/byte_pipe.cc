#include "native/posix/byte_pipe.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ebbrt::libc {

void BytePipe::Tell(const std::weak_ptr<Description>& whom) {
  if (auto description = whom.lock()) description->Changed();
}

ssize_t BytePipe::Read(std::span<const iovec> pieces, bool peek) {
  size_t done = 0;
  {
    std::lock_guard guard(lock_);
    size_t have = bytes_.size() - begin_;
    if (have == 0) return writer_closed_ ? 0 : -EAGAIN;
    for (const iovec& piece : pieces) {
      size_t count = std::min(piece.iov_len, have - done);
      std::memcpy(piece.iov_base, bytes_.data() + begin_ + done, count);
      done += count;
    }
    if (peek) return static_cast<ssize_t>(done);
    begin_ += done;
    if (begin_ == bytes_.size()) {
      bytes_.clear();
      begin_ = 0;
    }
  }
  Tell(writer_);
  return static_cast<ssize_t>(done);
}

ssize_t BytePipe::Write(std::span<const iovec> pieces) {
  size_t done = 0;
  {
    std::lock_guard guard(lock_);
    if (reader_closed_) return -EPIPE;
    size_t have = bytes_.size() - begin_;
    if (have >= kCapacity) return -EAGAIN;
    if (begin_ > 0) {
      bytes_.erase(0, begin_);
      begin_ = 0;
    }
    for (const iovec& piece : pieces) {
      size_t count = std::min(piece.iov_len, kCapacity - have - done);
      bytes_.append(static_cast<const char*>(piece.iov_base), count);
      done += count;
    }
  }
  Tell(reader_);
  return static_cast<ssize_t>(done);
}

void BytePipe::CloseReader() {
  {
    std::lock_guard guard(lock_);
    reader_closed_ = true;
    bytes_.clear();
    begin_ = 0;
  }
  Tell(writer_);
}

void BytePipe::CloseWriter() {
  {
    std::lock_guard guard(lock_);
    writer_closed_ = true;
  }
  Tell(reader_);
}

size_t BytePipe::Size() {
  std::lock_guard guard(lock_);
  return bytes_.size() - begin_;
}

bool BytePipe::ReaderClosed() {
  std::lock_guard guard(lock_);
  return reader_closed_;
}

bool BytePipe::WriterClosed() {
  std::lock_guard guard(lock_);
  return writer_closed_;
}

}  // namespace ebbrt::libc
