// POSIX's calls on files' modes, owners and times. Those on a descriptor are
// for the file itself, whatever its name is by now.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>

#include "common/file_system.h"
#include "native/libc/file_table.h"
#include "native/libc/paths.h"

namespace {

using ebbrt::file_system;
using ebbrt::FileTime;
using ebbrt::Links;
using ebbrt::libc::AbsolutePath;
using ebbrt::libc::AbsolutePathAt;
using ebbrt::libc::FileTable;
using ebbrt::libc::Guard;
using ebbrt::libc::ThrowErrno;

static_assert(R_OK == ebbrt::kAccessRead && W_OK == ebbrt::kAccessWrite &&
              X_OK == ebbrt::kAccessExecute && F_OK == ebbrt::kAccessExists);

/// Calls f(); 0 or -1.
template <typename F>
int Do(F f) {
  return Guard([&] {
    f();
    return 0;
  });
}

Links LinksOf(int flags) {
  return (flags & AT_SYMLINK_NOFOLLOW) != 0 ? Links::kNoFollow : Links::kFollow;
}

/// The C library's ids are of 16 bits; -1 leaves an owner as it is.
uint32_t ToOwner(unsigned id) {
  return static_cast<uid_t>(id) == static_cast<uid_t>(-1) ? ebbrt::kOwnerKept
                                                          : id;
}

struct Times {
  FileTime accessed = ebbrt::kTimeNow;
  FileTime modified = ebbrt::kTimeNow;
};

FileTime ToFileTime(const timespec& time) {
  if (time.tv_nsec == UTIME_NOW) return ebbrt::kTimeNow;
  if (time.tv_nsec == UTIME_OMIT) return ebbrt::kTimeKept;
  if (time.tv_nsec < 0 || time.tv_nsec >= 1'000'000'000) ThrowErrno(EINVAL);
  return std::chrono::seconds(time.tv_sec) +
         std::chrono::nanoseconds(time.tv_nsec);
}

/// `times` is null for now, or has two.
Times ToTimes(const timespec* times) {
  if (times == nullptr) return {};
  return {ToFileTime(times[0]), ToFileTime(times[1])};
}

Times ToTimes(const timeval* times) {
  if (times == nullptr) return {};
  timespec converted[2];
  for (int i = 0; i < 2; ++i) {
    converted[i] = {times[i].tv_sec,
                    static_cast<long>(times[i].tv_usec) * 1000};
  }
  return ToTimes(converted);
}

void SetTimes(const std::string& path, Times times, Links links) {
  file_system->SetTimes(path, times.accessed, times.modified, links).Get();
}

void SetOwner(const std::string& path, uid_t owner, gid_t group, Links links) {
  file_system->SetOwner(path, ToOwner(owner), ToOwner(group), links).Get();
}

}  // namespace

extern "C" {

int access(const char* path, int mode) {
  return Do([&] {
    file_system->Access(AbsolutePath(path), static_cast<uint32_t>(mode)).Get();
  });
}

/// Of the front-end's user; it has no other (AT_EACCESS).
int faccessat(int directory, const char* path, int mode, int) {
  return Do([&] {
    file_system
        ->Access(AbsolutePathAt(directory, path), static_cast<uint32_t>(mode))
        .Get();
  });
}

int fchmod(int fd, mode_t mode) {
  return Do([&] { FileTable::Get().FindFile(fd)->file.SetMode(mode); });
}

int chown(const char* path, uid_t owner, gid_t group) {
  return Do(
      [&] { SetOwner(AbsolutePath(path), owner, group, Links::kFollow); });
}

int lchown(const char* path, uid_t owner, gid_t group) {
  return Do(
      [&] { SetOwner(AbsolutePath(path), owner, group, Links::kNoFollow); });
}

int fchownat(int directory, const char* path, uid_t owner, gid_t group,
             int flags) {
  return Do([&] {
    SetOwner(AbsolutePathAt(directory, path), owner, group, LinksOf(flags));
  });
}

int fchown(int fd, uid_t owner, gid_t group) {
  return Do([&] {
    FileTable::Get().FindFile(fd)->file.SetOwner(ToOwner(owner), ToOwner(group));
  });
}

int utimensat(int directory, const char* path, const struct timespec* times,
              int flags) {
  return Do([&] {
    SetTimes(AbsolutePathAt(directory, path), ToTimes(times), LinksOf(flags));
  });
}

int futimens(int fd, const struct timespec* times) {
  return Do([&] {
    Times converted = ToTimes(times);
    FileTable::Get().FindFile(fd)->file.SetTimes(converted.accessed,
                                             converted.modified);
  });
}

int utimes(const char* path, const struct timeval* times) {
  return Do(
      [&] { SetTimes(AbsolutePath(path), ToTimes(times), Links::kFollow); });
}

int lutimes(const char* path, const struct timeval* times) {
  return Do(
      [&] { SetTimes(AbsolutePath(path), ToTimes(times), Links::kNoFollow); });
}

}  // extern "C"
