// BytePipe: one direction of a pipe or a local stream.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>
#include <string>

#include "common/spin_lock.h"
#include "native/libc/description.h"

namespace ebbrt::libc {

/// Bytes on their way between two descriptions, which both hold it. From any core.
class BytePipe {
 public:
  static constexpr size_t kCapacity = 64 * 1024;

  /// Who is told of what the other side does.
  void SetReader(std::weak_ptr<Description> reader) { reader_ = reader; }
  void SetWriter(std::weak_ptr<Description> writer) { writer_ = writer; }

  /// Bytes, 0 at the end, -EAGAIN.
  ssize_t Read(std::span<const iovec> pieces, bool peek);
  /// Bytes, -EPIPE when nobody can read them, -EAGAIN.
  ssize_t Write(std::span<const iovec> pieces);
  void CloseReader();
  void CloseWriter();

  size_t Size();
  bool HasRoom() { return Size() < kCapacity || ReaderClosed(); }
  bool ReaderClosed();
  bool WriterClosed();

 private:
  static void Tell(const std::weak_ptr<Description>& whom);

  SpinLock lock_;  // guards:
  std::string bytes_;
  size_t begin_ = 0;
  bool reader_closed_ = false;
  bool writer_closed_ = false;
  // Set before anybody else has it.
  std::weak_ptr<Description> reader_;
  std::weak_ptr<Description> writer_;
};

}  // namespace ebbrt::libc
