#include "native/libc/file_table.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>
#include <utility>

#include "common/runtime.h"

namespace ebbrt::libc {
namespace {

std::span<const std::byte> Bytes(const void* data, size_t size) {
  return {static_cast<const std::byte*>(data), size};
}

timespec ToTimespec(FileTime time) {
  constexpr int64_t kSecond = 1'000'000'000;
  return {static_cast<time_t>(time.count() / kSecond),
          static_cast<long>(time.count() % kSecond)};
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

FileTable& FileTable::Get() {
  static FileTable* table = [] {
    auto* made = new FileTable;
    descriptors = made;
    return made;
  }();
  return *table;
}

int FileTable::Add(std::shared_ptr<Description> description, int least) {
  std::lock_guard guard(lock_);
  for (int fd = std::max(least, kFirst); fd < kEnd; ++fd) {
    auto& place = files_[fd - kFirst];
    if (place != nullptr) continue;
    place = std::move(description);
    return fd;
  }
  ThrowErrno(EMFILE);
}

int FileTable::Set(int fd, std::shared_ptr<Description> description) {
  if (fd < kFirst || fd >= kEnd) ThrowErrno(EBADF);
  {
    std::lock_guard guard(lock_);
    files_[fd - kFirst].swap(description);
  }
  return fd;  // and the former is closed, outside the lock
}

std::shared_ptr<Description> FileTable::Find(int fd) {
  if (fd < kFirst || fd >= kEnd) ThrowErrno(EBADF);
  std::lock_guard guard(lock_);
  auto found = files_[fd - kFirst];
  if (found == nullptr) ThrowErrno(EBADF);
  return found;
}

ssize_t FileTable::Read(int fd, void* data, size_t size) {
  return Guard([&]() -> ssize_t {
    auto description = Find(fd);
    if ((description->flags & kOpenRead) == 0) ThrowErrno(EBADF);
    std::lock_guard guard(description->position_lock);
    size_t got = description->file.Read(description->position,
                                        {static_cast<std::byte*>(data), size});
    description->position += got;
    return static_cast<ssize_t>(got);
  });
}

ssize_t FileTable::Write(int fd, const void* data, size_t size) {
  return Guard([&]() -> ssize_t {
    auto description = Find(fd);
    if ((description->flags & (kOpenWrite | kOpenAppend)) == 0) {
      ThrowErrno(EBADF);
    }
    std::lock_guard guard(description->position_lock);
    if ((description->flags & kOpenAppend) != 0) {
      description->position = description->file.Append(Bytes(data, size));
      return static_cast<ssize_t>(size);
    }
    size_t put =
        description->file.Write(description->position, Bytes(data, size));
    description->position += put;
    return static_cast<ssize_t>(put);
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
  return Guard([&]() -> off_t {
    auto description = Find(fd);
    std::lock_guard guard(description->position_lock);
    off_t base = 0;
    if (whence == SEEK_CUR) {
      base = static_cast<off_t>(description->position);
    } else if (whence == SEEK_END) {
      base = static_cast<off_t>(description->file.Status().size);
    } else if (whence != SEEK_SET) {
      ThrowErrno(EINVAL);
    }
    off_t target;
    if (__builtin_add_overflow(base, offset, &target)) ThrowErrno(EOVERFLOW);
    if (target < 0) ThrowErrno(EINVAL);
    description->position = static_cast<uint64_t>(target);
    return target;
  });
}

int FileTable::Status(int fd, struct stat* status) {
  return Guard([&] {
    Fill(*status, Find(fd)->file.Status());
    return 0;
  });
}

}  // namespace ebbrt::libc
