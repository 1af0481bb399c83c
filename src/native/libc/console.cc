// The three standard streams, on the node's console. There are no other files.

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/log.h"

namespace {

constexpr int kStandardStreams = 3;

bool IsConsole(int fd) { return fd >= 0 && fd < kStandardStreams; }

int Fail(int error) {
  errno = error;
  return -1;
}

}  // namespace

extern "C" {

/// Nobody types at a back-end: the console's input is at its end.
ssize_t read(int fd, void*, size_t) { return IsConsole(fd) ? 0 : Fail(EBADF); }

ssize_t write(int fd, const void* data, size_t size) {
  if (!IsConsole(fd)) return Fail(EBADF);
  ebbrt::platform::WriteConsole({static_cast<const char*>(data), size});
  return static_cast<ssize_t>(size);
}

int open(const char*, int, ...) { return Fail(ENOSYS); }

int close(int fd) { return IsConsole(fd) ? 0 : Fail(EBADF); }

off_t lseek(int fd, off_t, int) {
  return IsConsole(fd) ? Fail(ESPIPE) : Fail(EBADF);
}

int fstat(int fd, struct stat* status) {
  if (!IsConsole(fd)) return Fail(EBADF);
  *status = {};
  status->st_mode = S_IFCHR | S_IRUSR | S_IWUSR;
  return 0;
}

int isatty(int fd) { return IsConsole(fd) ? 1 : Fail(EBADF); }

}  // extern "C"
