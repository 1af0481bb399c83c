#include "hosted/file_attributes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <string>

#include "common/concat.h"
#include "common/file_system.h"
#include "hosted/system_call.h"

namespace ebbrt::hosted {
namespace {

constexpr int64_t kSecond = 1'000'000'000;  // nanoseconds

int64_t Nanoseconds(const statx_timestamp& time) {
  return int64_t{time.tv_sec} * kSecond + time.tv_nsec;
}

timespec ToTimespec(int64_t nanoseconds) {
  if (nanoseconds == kTimeNow.count()) return {0, UTIME_NOW};
  if (nanoseconds == kTimeKept.count()) return {0, UTIME_OMIT};
  int64_t rest = nanoseconds % kSecond;
  if (rest < 0) rest += kSecond;
  return {(nanoseconds - rest) / kSecond, rest};
}

/// A name of what a descriptor refers to, for the calls that take no descriptor
/// that only names a file. A symbolic link that it names isn't followed.
std::string ProcPath(int fd) { return Concat({"/proc/self/fd/", fd}); }

/// Opens what the path names, only to name it.
Descriptor Name(const GrantedDirectory& directory, FileRequest::Reader in) {
  int follow = (in.getFlags() & kOpenNoFollow) != 0 ? O_NOFOLLOW : 0;
  auto path = in.getPath();
  return directory.Open({path.begin(), path.size()}, O_PATH | follow);
}

void SetMode(int fd, FileRequest::Reader in) {
  OrThrow(chmod(ProcPath(fd).c_str(), in.getMode() & 07777));
}

void SetTimes(int fd, FileRequest::Reader in) {
  timespec times[2] = {ToTimespec(in.getAccessed()),
                       ToTimespec(in.getModified())};
  OrThrow(utimensat(AT_FDCWD, ProcPath(fd).c_str(), times, 0));
}

void SetOwner(int fd, FileRequest::Reader in) {
  OrThrow(fchownat(fd, "", in.getUid(), in.getGid(), AT_EMPTY_PATH));
}

void CheckAccess(int fd, FileRequest::Reader in) {
  if (in.getMode() > (R_OK | W_OK | X_OK)) ThrowErrno(EINVAL);
  OrThrow(faccessat(AT_FDCWD, ProcPath(fd).c_str(),
                    static_cast<int>(in.getMode()), 0));
}

void TellSystem(FileReply::Builder reply, int fd) {
  struct statfs status;
  OrThrow(fstatfs(fd, &status));
  auto out = reply.initSystem();
  out.setType(static_cast<uint64_t>(status.f_type));
  out.setBlockSize(static_cast<uint64_t>(status.f_bsize));
  out.setBlocks(status.f_blocks);
  out.setFree(status.f_bfree);
  out.setAvailable(status.f_bavail);
  out.setFiles(status.f_files);
  out.setFreeFiles(status.f_ffree);
}

void TellStatus(FileReply::Builder reply, int fd) {
  auto status = ReadStatus(fd);
  Fill(reply.initStatus(), status);
}

}  // namespace

struct statx ReadStatus(int fd) {
  struct statx status;
  OrThrow(
      statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS | STATX_BTIME, &status));
  return status;
}

void Fill(FileAttributes::Builder out, const struct statx& status) {
  out.setDevice(makedev(status.stx_dev_major, status.stx_dev_minor));
  out.setInode(status.stx_ino);
  out.setMode(status.stx_mode);
  out.setLinks(status.stx_nlink);
  out.setSize(status.stx_size);
  out.setBlocks(status.stx_blocks);
  out.setAccessed(Nanoseconds(status.stx_atime));
  out.setModified(Nanoseconds(status.stx_mtime));
  out.setChanged(Nanoseconds(status.stx_ctime));
  out.setUid(status.stx_uid);
  out.setGid(status.stx_gid);
  bool born = (status.stx_mask & STATX_BTIME) != 0;
  out.setBorn(born ? Nanoseconds(status.stx_btime) : 0);
  out.setRdev(makedev(status.stx_rdev_major, status.stx_rdev_minor));
  out.setBlockSize(status.stx_blksize);
}

bool DoOnPathAttributes(const GrantedDirectory& directory,
                        FileRequest::Reader in, FileReply::Builder out) {
  switch (in.getOperation()) {
    case FileOperation::STATUS:
      TellStatus(out, Name(directory, in).Get());
      return true;
    case FileOperation::SYSTEM_STATUS:
      TellSystem(out, Name(directory, in).Get());
      return true;
    case FileOperation::ACCESS:
      CheckAccess(Name(directory, in).Get(), in);
      return true;
    case FileOperation::SET_MODE:
      SetMode(Name(directory, in).Get(), in);
      return true;
    case FileOperation::SET_TIMES:
      SetTimes(Name(directory, in).Get(), in);
      return true;
    case FileOperation::SET_OWNER:
      SetOwner(Name(directory, in).Get(), in);
      return true;
    default:
      return false;
  }
}

bool DoOnFileAttributes(int fd, FileRequest::Reader in,
                        FileReply::Builder out) {
  switch (in.getOperation()) {
    case FileOperation::STATUS_OF_FILE:
      TellStatus(out, fd);
      return true;
    case FileOperation::SET_MODE_OF_FILE:
      SetMode(fd, in);
      return true;
    case FileOperation::SET_TIMES_OF_FILE:
      SetTimes(fd, in);
      return true;
    case FileOperation::SET_OWNER_OF_FILE:
      SetOwner(fd, in);
      return true;
    default:
      return false;
  }
}

}  // namespace ebbrt::hosted
