// The calls on file descriptors that every program links. The three standard
// streams are the front-end's; the node's console as long as there is none, or
// for good. Once there are others, all go through their table (descriptors.h).

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

bool IsConsole(int fd) { return fd >= 0 && fd < libc::kStandardStreams; }

int Fail(int error) {
  errno = error;
  return -1;
}

}  // namespace

extern "C" {

/// Nobody types at a node's own console: its input is at its end.
ssize_t read(int fd, void* data, size_t size) {
  if (descriptors != nullptr) return descriptors->Read(fd, data, size);
  if (!IsConsole(fd)) return Fail(EBADF);
  return runtime::IsAtHome() ? libc::ReadFromFrontEnd(data, size) : 0;
}

ssize_t write(int fd, const void* data, size_t size) {
  if (descriptors != nullptr) return descriptors->Write(fd, data, size);
  if (!IsConsole(fd)) return Fail(EBADF);
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
  if (descriptors != nullptr) return descriptors->Close(fd);
  return IsConsole(fd) ? 0 : Fail(EBADF);
}

off_t lseek(int fd, off_t offset, int whence) {
  if (descriptors != nullptr) return descriptors->Seek(fd, offset, whence);
  return Fail(IsConsole(fd) ? ESPIPE : EBADF);
}

int fstat(int fd, struct stat* status) {
  if (descriptors != nullptr) return descriptors->Status(fd, status);
  if (!IsConsole(fd)) return Fail(EBADF);
  *status = {};
  status->st_mode = S_IFCHR | S_IRUSR | S_IWUSR;
  return 0;
}

int isatty(int fd) {
  int terminal =
      descriptors != nullptr ? descriptors->IsTerminal(fd) : IsConsole(fd);
  if (terminal == 0) errno = ENOTTY;
  return terminal == 1;
}

}  // extern "C"
