#include "native/libc/file_table.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "common/runtime.h"
#include "native/posix/socket.h"
#include "native/libc/standard_stream.h"

namespace ebbrt::libc {
namespace {

timespec ToTimespec(FileTime time) {
  // Before 1970 the nanoseconds count up, too.
  auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  return {static_cast<time_t>(seconds.count()),
          static_cast<long>((time - seconds).count())};
}

}  // namespace

void ThrowErrno(int error) {
  throw std::system_error(error, std::generic_category());
}

int ErrnoOfException() {
  try {
    throw;
  } catch (const std::system_error& error) {
    return error.code().value();
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  } catch (...) {
    return EIO;  // the front-end is gone, or doesn't know files
  }
}

void Fill(struct stat& out, const FileStatus& in) {
  out = {};
  out.st_dev = static_cast<dev_t>(in.device);
  out.st_ino = static_cast<ino_t>(in.inode);
  out.st_mode = in.mode;
  out.st_nlink = static_cast<nlink_t>(in.links);
  out.st_uid = static_cast<uid_t>(in.uid);
  out.st_gid = static_cast<gid_t>(in.gid);
  out.st_rdev = static_cast<dev_t>(in.rdev);
  out.st_size = static_cast<off_t>(in.size);
  out.st_atim = ToTimespec(in.accessed);
  out.st_mtim = ToTimespec(in.modified);
  out.st_ctim = ToTimespec(in.changed);
  // Of this size the C library makes its buffers.
  out.st_blksize = OpenFile::kBlock;
  out.st_blocks = static_cast<blkcnt_t>(in.blocks);
}

bool HasFrontEnd() {
  return runtime::Boot().front_end || runtime::ThisNode() == kFrontEndNode;
}

// --- files ---------------------------------------------------------------------

ssize_t File::Read(std::span<std::byte> to) {
  if ((flags & kOpenRead) == 0) return -EBADF;
  std::lock_guard guard(position_lock);
  size_t got = file.Read(position, to);
  position += got;
  return static_cast<ssize_t>(got);
}

ssize_t File::Write(std::span<const std::byte> data) {
  if ((flags & (kOpenWrite | kOpenAppend)) == 0) return -EBADF;
  std::lock_guard guard(position_lock);
  if ((flags & kOpenAppend) != 0) {
    position = file.Append(data);
    return static_cast<ssize_t>(data.size());
  }
  size_t put = file.Write(position, data);
  position += put;
  return static_cast<ssize_t>(put);
}

off_t File::Seek(off_t offset, int whence) {
  std::lock_guard guard(position_lock);
  off_t base = 0;
  if (whence == SEEK_CUR) {
    base = static_cast<off_t>(position);
  } else if (whence == SEEK_END) {
    base = static_cast<off_t>(file.Status().size);
  } else if (whence != SEEK_SET) {
    return -EINVAL;
  }
  off_t target;
  if (__builtin_add_overflow(base, offset, &target)) return -EOVERFLOW;
  if (target < 0) return -EINVAL;
  position = static_cast<uint64_t>(target);
  return target;
}

void File::Status(struct stat& status) { Fill(status, file.Status()); }

int File::AccessMode() const {
  bool read = (flags & kOpenRead) != 0;
  bool write = (flags & kOpenWrite) != 0;
  int access = !write ? O_RDONLY : read ? O_RDWR : O_WRONLY;
  return access | ((flags & kOpenAppend) != 0 ? O_APPEND : 0);
}

// --- the table -----------------------------------------------------------------

FileTable::FileTable() {
  for (int fd = 0; fd < kStandardStreams; ++fd) {
    open_.push_back(std::make_shared<StandardStream>(fd));
  }
  lowest_ = kStandardStreams;
}

FileTable& FileTable::Get() {
  static FileTable* table = [] {
    auto* made = new FileTable;
    descriptors = made;
    return made;
  }();
  return *table;
}

int FileTable::Add(std::shared_ptr<Description> description, int least) {
  if (least < 0 || least >= kEnd) ThrowErrno(EINVAL);
  std::lock_guard guard(lock_);
  int fd = std::max(least, lowest_);
  while (fd < std::ssize(open_) && open_[fd] != nullptr) ++fd;
  if (fd >= limit_) ThrowErrno(EMFILE);
  if (fd >= std::ssize(open_)) open_.resize(fd + 1);
  open_[fd] = std::move(description);
  if (least <= lowest_) lowest_ = fd + 1;
  return fd;
}

int FileTable::Set(int fd, std::shared_ptr<Description> description) {
  if (fd < 0 || fd >= kEnd) ThrowErrno(EBADF);
  {
    std::lock_guard guard(lock_);
    if (fd >= std::ssize(open_)) open_.resize(fd + 1);
    if (description == nullptr) lowest_ = std::min(lowest_, fd);
    open_[fd].swap(description);
  }
  return fd;  // and the former is closed, outside the lock
}

std::shared_ptr<Description> FileTable::Find(int fd) {
  std::lock_guard guard(lock_);
  if (fd < 0 || fd >= std::ssize(open_) || open_[fd] == nullptr) {
    ThrowErrno(EBADF);
  }
  return open_[fd];
}

std::shared_ptr<File> FileTable::FindFile(int fd) {
  auto description = Find(fd);
  File* file = description->AsFile();
  if (file == nullptr) ThrowErrno(EINVAL);
  return {std::move(description), file};
}

std::shared_ptr<Socket> FileTable::FindSocket(int fd) {
  auto description = Find(fd);
  Socket* socket = description->AsSocket();
  if (socket == nullptr) ThrowErrno(ENOTSOCK);
  return {std::move(description), socket};
}

ssize_t FileTable::Read(int fd, void* data, size_t size) {
  return Guard(
      [&] { return Find(fd)->Read({static_cast<std::byte*>(data), size}); });
}

ssize_t FileTable::Write(int fd, const void* data, size_t size) {
  return Guard([&] {
    return Find(fd)->Write({static_cast<const std::byte*>(data), size});
  });
}

int FileTable::Close(int fd) {
  return Guard([&] {
    Find(fd);
    Set(fd, nullptr);
    return 0;
  });
}

off_t FileTable::Seek(int fd, off_t offset, int whence) {
  return Guard([&] { return Find(fd)->Seek(offset, whence); });
}

int FileTable::Status(int fd, struct stat* status) {
  return Guard([&] {
    Find(fd)->Status(*status);
    return 0;
  });
}

int FileTable::IsTerminal(int fd) {
  return Guard([&] { return Find(fd)->IsTerminal() ? 1 : 0; });
}

}  // namespace ebbrt::libc
