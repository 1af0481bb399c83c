// The table of file descriptors, and files as descriptions.
//
// Descriptors 0 to 2 are the standard streams (standard_stream.h) until they are
// closed or replaced.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "common/open_file.h"
#include "common/spin_lock.h"
#include "native/libc/description.h"
#include "native/libc/descriptors.h"

namespace ebbrt::libc {

/// A file or directory of the front-end's.
class File final : public Description {
 public:
  File(const std::string& path, uint32_t flags, uint32_t mode)
      : path(path), flags(flags), file(path, flags, mode) {}

  ssize_t Read(std::span<std::byte> to) override;
  ssize_t Write(std::span<const std::byte> data) override;
  off_t Seek(off_t offset, int whence) override;
  void Status(struct stat& status) override;
  int AccessMode() const override;
  File* AsFile() override { return this; }

  const std::string path;  // absolute
  const uint32_t flags;    // OpenFlags
  OpenFile file;
  std::mutex position_lock;  // held across reads and writes, which may block
  uint64_t position = 0;
};

class FileTable final : public Descriptors {
 public:
  /// Descriptors are below this.
  static constexpr int kEnd = 1 << 16;

  /// The one table; made, and told to console.cc, by the first call.
  static FileTable& Get();

  /// The lowest free descriptor from `least` on for `description`; EMFILE.
  int Add(std::shared_ptr<Description> description, int least = 0);
  /// Makes `fd` another one of `description`, whatever it was.
  int Set(int fd, std::shared_ptr<Description> description);
  /// Throws std::system_error EBADF if it is none.
  std::shared_ptr<Description> Find(int fd);
  /// The same; EINVAL if it is no file, ENOTSOCK if it is no socket.
  std::shared_ptr<File> FindFile(int fd);
  std::shared_ptr<Socket> FindSocket(int fd);

  ssize_t Read(int fd, void* data, size_t size) override;
  ssize_t Write(int fd, const void* data, size_t size) override;
  int Close(int fd) override;
  off_t Seek(int fd, off_t offset, int whence) override;
  int Status(int fd, struct stat* status) override;
  int IsTerminal(int fd) override;

  /// New descriptors are below this, kEnd at most.
  int Limit() const { return limit_; }
  void SetLimit(int limit) { limit_ = limit; }

 private:
  FileTable();

  SpinLock lock_;  // guards:
  std::vector<std::shared_ptr<Description>> open_;
  int lowest_ = 0;  // none below is free
  std::atomic<int> limit_ = kEnd;
};

/// errno for the exception that is being handled.
int ErrnoOfException();

/// Calls f(), which gives a number; -1 with errno set for what it throws, and for a
/// number below zero, which is an error negated.
template <typename F>
auto Guard(F f) -> decltype(f()) {
  try {
    auto result = f();
    if (result >= 0) return result;
    errno = static_cast<int>(-result);
    return -1;
  } catch (...) {
    errno = ErrnoOfException();
    return -1;
  }
}

/// Throws std::system_error.
[[noreturn]] void ThrowErrno(int error);

void Fill(struct stat& out, const FileStatus& in);

/// Whether there is a front-end that could have files.
bool HasFrontEnd();

}  // namespace ebbrt::libc
