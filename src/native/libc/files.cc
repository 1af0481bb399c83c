// POSIX's files, which are the front-end's (common/open_file.h). Calls block
// the context, not the core. Without a front-end they fail with ENOSYS.

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string>
#include <string_view>

#include "common/concat.h"
#include "common/file_system.h"
#include "native/libc/file_table.h"
#include "native/libc/paths.h"

namespace {

using ebbrt::Concat;
using ebbrt::file_system;
using ebbrt::libc::File;
using ebbrt::libc::FileTable;
using ebbrt::libc::Guard;
using ebbrt::libc::ThrowErrno;

ebbrt::SpinLock directory_lock;            // guards:
std::string* working_directory = nullptr;  // null: the root; else "/a/b"

std::string WorkingDirectory() {
  std::lock_guard guard(directory_lock);
  return working_directory == nullptr ? "/" : *working_directory;
}

std::string Join(const std::string& directory, std::string_view path) {
  if (path.starts_with('/')) return std::string(path);
  return directory == "/" ? Concat({"/", path})
                          : Concat({directory, "/", path});
}

/// The path that the front-end is asked for. An empty one stays empty: ENOENT.
std::string Absolute(const char* path) {
  if (!ebbrt::libc::HasFrontEnd()) ThrowErrno(ENOSYS);
  if (path == nullptr) ThrowErrno(EFAULT);
  if (*path == '\0') ThrowErrno(ENOENT);
  return Join(WorkingDirectory(), path);
}

/// The same for the calls that name a directory.
std::string AbsoluteAt(int directory, const char* path) {
  if (path == nullptr) ThrowErrno(EFAULT);
  if (directory == AT_FDCWD || *path == '/') return Absolute(path);
  if (*path == '\0') ThrowErrno(ENOENT);
  return Join(FileTable::Get().FindFile(directory)->path, path);
}

uint32_t OpenFlagsOf(int flags) {
  uint32_t result = 0;
  int access = flags & O_ACCMODE;
  if (access == O_RDONLY || access == O_RDWR) result |= ebbrt::kOpenRead;
  if (access == O_WRONLY || access == O_RDWR) result |= ebbrt::kOpenWrite;
  if ((flags & O_APPEND) != 0) result |= ebbrt::kOpenAppend;
  if ((flags & O_CREAT) != 0) result |= ebbrt::kOpenCreate;
  if ((flags & O_EXCL) != 0) result |= ebbrt::kOpenExclusive;
  if ((flags & O_TRUNC) != 0) result |= ebbrt::kOpenTruncate;
  if ((flags & O_DIRECTORY) != 0) result |= ebbrt::kOpenDirectory;
  if ((flags & O_NOFOLLOW) != 0) result |= ebbrt::kOpenNoFollow;
  return result;
}

/// umask()'s, besides the front-end's own.
std::atomic<mode_t> creation_mask{022};

mode_t Masked(mode_t mode) { return mode & ~creation_mask.load(); }

int Open(const std::string& path, int flags, mode_t mode) {
  auto& table = FileTable::Get();
  return table.Add(
      std::make_shared<File>(path, OpenFlagsOf(flags), Masked(mode)));
}

mode_t ModeArgument(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? static_cast<mode_t>(va_arg(arguments, int))
                                : 0;
}

/// Calls f, a FileSystem call; 0 or -1.
template <typename F>
int Do(F f) {
  return Guard([&] {
    f().Get();
    return 0;
  });
}

/// Lays `entry` out at `out` as readdir(3) finds it; how many bytes, 0 if it
/// doesn't fit.
size_t PutEntry(const ebbrt::FileEntry& entry, char* out, size_t room) {
  constexpr size_t kAlignment = alignof(dirent);
  size_t name = std::min(entry.name.size(), size_t{MAXNAMLEN});
  size_t size = (offsetof(dirent, d_name) + name + 1 + kAlignment - 1) /
                kAlignment * kAlignment;
  if (size > room) return 0;
  auto* record = reinterpret_cast<dirent*>(out);
  record->d_ino = static_cast<ino_t>(entry.inode);
  record->d_off = static_cast<off_t>(entry.next);
  record->d_reclen = static_cast<unsigned short>(size);
  record->d_type = entry.type;
  std::memcpy(record->d_name, entry.name.data(), name);
  record->d_name[name] = '\0';
  return size;
}

int ReadDirectory(File& directory, char* out, size_t room) {
  std::lock_guard guard(directory.position_lock);
  size_t used = 0;
  auto entries = directory.file.ReadDirectory(directory.position);
  for (const auto& entry : entries) {
    size_t size = PutEntry(entry, out + used, room - used);
    if (size == 0) break;
    used += size;
    directory.position = entry.next;
  }
  if (used == 0 && !entries.empty()) ThrowErrno(EINVAL);
  return static_cast<int>(used);
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = ModeArgument(flags, arguments);
  va_end(arguments);
  return Guard([&] { return Open(Absolute(path), flags, mode); });
}

int openat(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  mode_t mode = ModeArgument(flags, arguments);
  va_end(arguments);
  return Guard([&] { return Open(AbsoluteAt(directory, path), flags, mode); });
}

ssize_t pread(int fd, void* data, size_t size, off_t offset) {
  return Guard([&]() -> ssize_t {
    if (offset < 0) ThrowErrno(EINVAL);
    auto description = FileTable::Get().FindFile(fd);
    return static_cast<ssize_t>(description->file.Read(
        static_cast<uint64_t>(offset), {static_cast<std::byte*>(data), size}));
  });
}

ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  return Guard([&]() -> ssize_t {
    if (offset < 0) ThrowErrno(EINVAL);
    auto description = FileTable::Get().FindFile(fd);
    return static_cast<ssize_t>(
        description->file.Write(static_cast<uint64_t>(offset),
                                {static_cast<const std::byte*>(data), size}));
  });
}

int ftruncate(int fd, off_t size) {
  return Guard([&] {
    if (size < 0) ThrowErrno(EINVAL);
    FileTable::Get().FindFile(fd)->file.Truncate(static_cast<uint64_t>(size));
    return 0;
  });
}

int truncate(const char* path, off_t size) {
  return Guard([&] {
    if (size < 0) ThrowErrno(EINVAL);
    ebbrt::OpenFile file(Absolute(path), ebbrt::kOpenWrite, 0);
    file.Truncate(static_cast<uint64_t>(size));
    return 0;
  });
}

int fsync(int fd) {
  return Guard([&] {
    FileTable::Get().FindFile(fd)->file.Sync();
    return 0;
  });
}

int fdatasync(int fd) { return fsync(fd); }

int stat(const char* path, struct stat* status) {
  return Guard([&] {
    ebbrt::libc::Fill(*status, file_system->Status(Absolute(path)).Get());
    return 0;
  });
}

int lstat(const char* path, struct stat* status) {
  return Guard([&] {
    ebbrt::libc::Fill(*status, file_system->LinkStatus(Absolute(path)).Get());
    return 0;
  });
}

int mkdir(const char* path, mode_t mode) {
  return Do([&] {
    return file_system->MakeDirectory(Absolute(path), Masked(mode));
  });
}

mode_t umask(mode_t mask) { return creation_mask.exchange(mask & 0777); }

int rmdir(const char* path) {
  return Do([&] { return file_system->RemoveDirectory(Absolute(path)); });
}

int unlink(const char* path) {
  return Do([&] { return file_system->Unlink(Absolute(path)); });
}

int unlinkat(int directory, const char* path, int flags) {
  return Do([&] {
    std::string absolute = AbsoluteAt(directory, path);
    return (flags & AT_REMOVEDIR) != 0 ? file_system->RemoveDirectory(absolute)
                                       : file_system->Unlink(absolute);
  });
}

/// Of a file or an empty directory, as ISO C's callers expect of it.
int remove(const char* path) {
  int result = unlink(path);
  return result != 0 && errno == EISDIR ? rmdir(path) : result;
}

/// newlib's tmpfile() goes through this, and would else bring its own remove().
int _remove_r(_reent*, const char* path) { return remove(path); }

int rename(const char* from, const char* to) {
  return Do([&] { return file_system->Rename(Absolute(from), Absolute(to)); });
}

/// newlib's rename() goes through this.
int _rename(const char* from, const char* to) { return rename(from, to); }

int link(const char* existing, const char* path) {
  return Do(
      [&] { return file_system->Link(Absolute(existing), Absolute(path)); });
}

int symlink(const char* target, const char* path) {
  return Do([&] { return file_system->MakeSymlink(target, Absolute(path)); });
}

ssize_t readlink(const char* path, char* buffer, size_t size) {
  return Guard([&]() -> ssize_t {
    std::string target = file_system->ReadSymlink(Absolute(path)).Get();
    size_t count = std::min(size, target.size());
    std::memcpy(buffer, target.data(), count);
    return static_cast<ssize_t>(count);
  });
}

int statfs(const char* path, struct statfs* status) {
  return Guard([&] {
    auto found = file_system->SystemStatus(Absolute(path)).Get();
    *status = {found.type,      found.block_size, found.blocks,    found.free,
               found.available, found.files,      found.free_files};
    return 0;
  });
}

char* realpath(const char* path, char* resolved) {
  char* result = nullptr;
  Guard([&] {
    std::string real = file_system->RealPath(Absolute(path)).Get();
    constexpr size_t kMaxPath = 4096;
    if (real.size() >= kMaxPath) ThrowErrno(ENAMETOOLONG);
    if (resolved == nullptr) {
      resolved = static_cast<char*>(std::malloc(real.size() + 1));
      if (resolved == nullptr) ThrowErrno(ENOMEM);
    }
    std::memcpy(resolved, real.c_str(), real.size() + 1);
    result = resolved;
    return 0;
  });
  return result;
}

int chmod(const char* path, mode_t mode) {
  return Do([&] { return file_system->SetMode(Absolute(path), mode); });
}

int fchmodat(int directory, const char* path, mode_t mode, int) {
  return Do(
      [&] { return file_system->SetMode(AbsoluteAt(directory, path), mode); });
}

int getdents(int fd, void* entries, int size) {
  return Guard([&] {
    return ReadDirectory(*FileTable::Get().FindFile(fd),
                         static_cast<char*>(entries),
                         static_cast<size_t>(std::max(size, 0)));
  });
}

int dup(int fd) {
  return Guard([&] {
    auto& table = FileTable::Get();
    return table.Add(table.Find(fd));
  });
}

int dup2(int fd, int other) {
  return Guard([&] {
    auto& table = FileTable::Get();
    auto description = table.Find(fd);
    return fd == other ? fd : table.Set(other, std::move(description));
  });
}

int fcntl(int fd, int command, ...) {
  va_list arguments;
  va_start(arguments, command);
  int argument = va_arg(arguments, int);  // garbage where there is none
  va_end(arguments);
  return Guard([&] {
    auto& table = FileTable::Get();
    auto description = table.Find(fd);
    switch (command) {
      case F_DUPFD:
      case F_DUPFD_CLOEXEC:
        return table.Add(std::move(description), argument);
      case F_GETFD:
      case F_SETFD:  // nothing is ever executed
        return 0;
      case F_GETFL:
        return description->AccessMode() |
               (description->nonblocking ? O_NONBLOCK : 0);
      case F_SETFL:
        description->nonblocking = (argument & O_NONBLOCK) != 0;
        return 0;
      default:
        return -EINVAL;
    }
  });
}

char* getcwd(char* buffer, size_t size) {
  std::string directory = WorkingDirectory();
  if (buffer == nullptr) {
    size = std::max(size, directory.size() + 1);
    buffer = static_cast<char*>(std::malloc(size));
    if (buffer == nullptr) return nullptr;
  } else if (size <= directory.size()) {
    errno = size == 0 ? EINVAL : ERANGE;
    return nullptr;
  }
  std::memcpy(buffer, directory.c_str(), directory.size() + 1);
  return buffer;
}

int chdir(const char* path) {
  return Guard([&] {
    std::string absolute = Absolute(path);
    auto status = file_system->Status(absolute).Get();
    if ((status.mode & S_IFMT) != S_IFDIR) ThrowErrno(ENOTDIR);
    std::string real = file_system->RealPath(absolute).Get();
    std::lock_guard guard(directory_lock);
    if (working_directory == nullptr) working_directory = new std::string;
    *working_directory = std::move(real);
    return 0;
  });
}

}  // extern "C"

namespace ebbrt::libc {

std::string AbsolutePath(const char* path) { return Absolute(path); }

std::string AbsolutePathAt(int directory, const char* path) {
  return AbsoluteAt(directory, path);
}

}  // namespace ebbrt::libc
