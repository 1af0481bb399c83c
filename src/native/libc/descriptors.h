// Where the C library's file descriptors lead, once there are others than the console's.
//
// console.cc has the calls that every program links. An image that opens nothing
// links nothing of the table.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>

namespace ebbrt::libc {

/// Input, output and errors.
inline constexpr int kStandardStreams = 3;

/// Calls return -1 with errno set, like those of their names.
class Descriptors {
 public:
  virtual ssize_t Read(int fd, void* data, size_t size) = 0;
  virtual ssize_t Write(int fd, const void* data, size_t size) = 0;
  virtual int Close(int fd) = 0;
  virtual off_t Seek(int fd, off_t offset, int whence) = 0;
  virtual int Status(int fd, struct stat* status) = 0;
  /// 1 or 0.
  virtual int IsTerminal(int fd) = 0;

 protected:
  ~Descriptors() = default;
};

/// Set when the program first opens a file (file_table.cc), null until then.
extern Descriptors* descriptors;

}  // namespace ebbrt::libc
