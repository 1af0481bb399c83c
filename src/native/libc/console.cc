// The calls on file descriptors that every program links. The three standard
// streams are the front-end's; the node's console as long as there is none, or
// for good. All others are files (descriptors.h).

#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>

#include "common/runtime.h"
#include "native/libc/descriptors.h"
#include "native/libc/standard_streams.h"
#include "platform/log.h"

namespace ebbrt::libc {
Descriptors* descriptors = nullptr;
}

namespace {

using ebbrt::libc::descriptors;
namespace libc = ebbrt::libc;
namespace runtime = ebbrt::runtime;

constexpr int kStandardStreams = 3;

bool IsConsole(int fd) { return fd >= 0 && fd < kStandardStreams; }

int Fail(int error) {
  errno = error;
  return -1;
}

}  // namespace

extern "C" {

/// Nobody types at a node's own console: its input is at its end.
ssize_t read(int fd, void* data, size_t size) {
  if (!IsConsole(fd)) {
    return descriptors == nullptr ? Fail(EBADF)
                                  : descriptors->Read(fd, data, size);
  }
  return runtime::IsAtHome() ? libc::ReadFromFrontEnd(data, size) : 0;
}

ssize_t write(int fd, const void* data, size_t size) {
  if (!IsConsole(fd)) {
    return descriptors == nullptr ? Fail(EBADF)
                                  : descriptors->Write(fd, data, size);
  }
  if (runtime::IsAtHome()) return libc::WriteToFrontEnd(fd, data, size);
  ebbrt::platform::WriteConsole({static_cast<const char*>(data), size});
  return static_cast<ssize_t>(size);
}

/// What the libraries report that no caller can be told (toolchain/contract.txt).
ssize_t ebbrt_write_log(const void* text, size_t size) {
  ebbrt::platform::WriteConsole({static_cast<const char*>(text), size});
  return static_cast<ssize_t>(size);
}

int close(int fd) {
  if (IsConsole(fd)) return 0;
  return descriptors == nullptr ? Fail(EBADF) : descriptors->Close(fd);
}

off_t lseek(int fd, off_t offset, int whence) {
  if (IsConsole(fd)) return Fail(ESPIPE);
  if (descriptors == nullptr) return Fail(EBADF);
  return descriptors->Seek(fd, offset, whence);
}

int fstat(int fd, struct stat* status) {
  if (!IsConsole(fd)) {
    return descriptors == nullptr ? Fail(EBADF)
                                  : descriptors->Status(fd, status);
  }
  *status = {};
  status->st_mode = S_IFCHR | S_IRUSR | S_IWUSR;
  return 0;
}

int isatty(int fd) {
  if (IsConsole(fd)) return 1;
  struct stat status;
  if (fstat(fd, &status) != 0) return Fail(EBADF);
  errno = ENOTTY;
  return 0;
}

}  // extern "C"
