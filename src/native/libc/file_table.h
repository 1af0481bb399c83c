// The table of file descriptors that are files (files.cc has the C functions).
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "common/open_file.h"
#include "common/spin_lock.h"
#include "native/libc/descriptors.h"

namespace ebbrt::libc {

/// What a descriptor and its duplicates share ("open file description").
struct Description {
  Description(const std::string& path, uint32_t flags, uint32_t mode)
      : path(path), flags(flags), file(path, flags, mode) {}

  const std::string path;  // absolute
  const uint32_t flags;    // OpenFlags
  OpenFile file;
  std::mutex position_lock;  // held across reads and writes, which may block
  uint64_t position = 0;
};

class FileTable final : public Descriptors {
 public:
  static constexpr int kFirst = 3;
  static constexpr int kEnd =
      kFirst + static_cast<int>(FileSystem::kMaxOpenFiles);

  /// The one table; made, and told to console.cc, by the first call.
  static FileTable& Get();

  /// The lowest free descriptor from `least` on for `description`; EMFILE.
  int Add(std::shared_ptr<Description> description, int least = kFirst);
  /// Makes `fd` another one of `description`, whatever it was.
  int Set(int fd, std::shared_ptr<Description> description);
  /// Throws std::system_error EBADF if it is none.
  std::shared_ptr<Description> Find(int fd);

  ssize_t Read(int fd, void* data, size_t size) override;
  ssize_t Write(int fd, const void* data, size_t size) override;
  int Close(int fd) override;
  off_t Seek(int fd, off_t offset, int whence) override;
  int Status(int fd, struct stat* status) override;

 private:
  SpinLock lock_;  // guards:
  std::array<std::shared_ptr<Description>, kEnd - kFirst> files_;
};

/// errno for the exception that is being handled.
int ErrnoOfException();

/// Calls f(), which gives a number; -1 with errno set for what it throws.
template <typename F>
auto Guard(F f) -> decltype(f()) {
  try {
    return f();
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
