#include "hosted/file_service.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "common/concat.h"
#include "common/file_system.h"
#include "hosted/file_attributes.h"
#include "hosted/system_call.h"
#include "hosted/temporary_name.h"

namespace ebbrt::hosted {
namespace {

std::string_view View(capnp::Text::Reader text) {
  return {text.begin(), text.size()};
}

int LinuxFlags(uint32_t flags) {
  bool read = (flags & kOpenRead) != 0;
  bool write = (flags & (kOpenWrite | kOpenAppend)) != 0;
  int result = write ? (read ? O_RDWR : O_WRONLY) : O_RDONLY;
  if ((flags & kOpenAppend) != 0) result |= O_APPEND;
  if ((flags & kOpenCreate) != 0) result |= O_CREAT;
  if ((flags & kOpenExclusive) != 0) result |= O_EXCL;
  if ((flags & kOpenTruncate) != 0 && write) result |= O_TRUNC;
  if ((flags & kOpenDirectory) != 0) result |= O_DIRECTORY;
  if ((flags & kOpenNoFollow) != 0) result |= O_NOFOLLOW;
  return result;
}

struct stat StatusOf(int fd) {
  struct stat status;
  OrThrow(fstat(fd, &status));
  return status;
}

off_t ToOffset(uint64_t offset) {
  if (offset > static_cast<uint64_t>(INT64_MAX)) ThrowErrno(EINVAL);
  return static_cast<off_t>(offset);
}

void Read(int fd, FileRequest::Reader in, FileReply::Builder out) {
  uint64_t wanted = std::min<uint64_t>(in.getSize(), FileSystem::kMaxTransfer);
  off_t offset = ToOffset(in.getOffset());
  // Not more than there is: the reply is as large as was made for it.
  struct stat status = StatusOf(fd);
  auto left =
      static_cast<uint64_t>(std::max<off_t>(status.st_size - offset, 0));
  // Files of /proc and the like say 0 and have something.
  if (status.st_size > 0) wanted = std::min(wanted, left);
  std::vector<char> data(wanted);
  size_t size = 0;
  while (size < wanted) {
    ssize_t got = OrThrow(pread(fd, data.data() + size, wanted - size,
                                offset + static_cast<off_t>(size)));
    if (got == 0) break;
    size += static_cast<size_t>(got);
  }
  std::copy_n(data.begin(), size, out.initData(size).asChars().begin());
}

void Write(int fd, bool append, FileRequest::Reader in,
           FileReply::Builder out) {
  auto data = in.getData();
  if (data.size() > FileSystem::kMaxTransfer) ThrowErrno(EINVAL);
  off_t offset = ToOffset(in.getOffset());
  size_t done = 0;
  while (done < data.size()) {
    ssize_t put = append ? write(fd, data.begin() + done, data.size() - done)
                         : pwrite(fd, data.begin() + done, data.size() - done,
                                  offset + static_cast<off_t>(done));
    if (put < 0 && done > 0) break;  // the next one says why
    done += static_cast<size_t>(OrThrow(put));
  }
  out.setSize(done);
  if (append) {
    out.setOffset(static_cast<uint64_t>(OrThrow(lseek(fd, 0, SEEK_END))));
  }
}

/// As getdents64(2) lays them out.
struct KernelEntry {
  uint64_t inode;
  int64_t next;
  uint16_t length;
  uint8_t type;
  char name[];
};

void ReadDirectory(int fd, FileRequest::Reader in, FileReply::Builder out) {
  // One position for all who read this descriptor; a node asks one at a time.
  OrThrow(lseek(fd, ToOffset(in.getOffset()), SEEK_SET));
  alignas(KernelEntry) std::array<char, 32 * 1024> buffer;
  auto size = static_cast<size_t>(
      OrThrow(getdents64(fd, buffer.data(), buffer.size())));
  std::vector<const KernelEntry*> entries;
  for (size_t at = 0; at < size;) {
    auto* entry = reinterpret_cast<const KernelEntry*>(buffer.data() + at);
    entries.push_back(entry);
    at += entry->length;
  }
  auto list = out.initEntries(static_cast<unsigned>(entries.size()));
  for (unsigned i = 0; i < entries.size(); ++i) {
    list[i].setName(entries[i]->name);
    list[i].setInode(entries[i]->inode);
    list[i].setType(entries[i]->type);
    list[i].setNext(static_cast<uint64_t>(entries[i]->next));
  }
}

std::string ReadSymlink(const GrantedDirectory& directory,
                        std::string_view path) {
  auto place = directory.Find(path, EINVAL);
  std::array<char, PATH_MAX> target;
  auto size = OrThrow(readlinkat(place.parent.Get(), place.name.c_str(),
                                 target.data(), target.size()));
  return {target.data(), static_cast<size_t>(size)};
}

void Rename(const GrantedDirectory& directory, FileRequest::Reader in) {
  auto from = directory.Find(View(in.getPath()), EBUSY);
  auto to = directory.Find(View(in.getOther()), EBUSY);
  OrThrow(renameat(from.parent.Get(), from.name.c_str(), to.parent.Get(),
                   to.name.c_str()));
}

void Link(const GrantedDirectory& directory, FileRequest::Reader in) {
  auto from = directory.Find(View(in.getPath()), EPERM);
  auto to = directory.Find(View(in.getOther()), EEXIST);
  OrThrow(linkat(from.parent.Get(), from.name.c_str(), to.parent.Get(),
                 to.name.c_str(), 0));
}

void MakeSymlink(const GrantedDirectory& directory, FileRequest::Reader in) {
  auto place = directory.Find(View(in.getPath()), EEXIST);
  std::string target(View(in.getOther()));
  if (target.find('\0') != target.npos) ThrowErrno(EINVAL);
  OrThrow(symlinkat(target.c_str(), place.parent.Get(), place.name.c_str()));
}

/// The operations on a name; false if it is none.
bool DoOnName(const GrantedDirectory& directory, FileRequest::Reader in,
              FileReply::Builder out) {
  std::string_view path = View(in.getPath());
  switch (in.getOperation()) {
    case FileOperation::MAKE_DIRECTORY: {
      auto place = directory.Find(path, EEXIST);
      OrThrow(mkdirat(place.parent.Get(), place.name.c_str(),
                      in.getMode() & 07777));
      return true;
    }
    case FileOperation::REMOVE_DIRECTORY:
    case FileOperation::UNLINK: {
      bool is_directory = in.getOperation() == FileOperation::REMOVE_DIRECTORY;
      auto place = directory.Find(path, is_directory ? ENOTEMPTY : EISDIR);
      OrThrow(unlinkat(place.parent.Get(), place.name.c_str(),
                       is_directory ? AT_REMOVEDIR : 0));
      return true;
    }
    case FileOperation::RENAME:
      Rename(directory, in);
      return true;
    case FileOperation::LINK:
      Link(directory, in);
      return true;
    case FileOperation::MAKE_SYMLINK:
      MakeSymlink(directory, in);
      return true;
    case FileOperation::READ_SYMLINK:
      out.setText(ReadSymlink(directory, path));
      return true;
    case FileOperation::REAL_PATH: {
      Descriptor file = directory.Open(path, O_PATH);
      out.setText(directory.PathOf(file.Get()));
      return true;
    }
    case FileOperation::MAKE_TEMPORARY_DIRECTORY:
      out.setText(MakeTemporary(path, [&](const std::string& made) {
        auto place = directory.Find(made, EINVAL);
        OrThrow(mkdirat(place.parent.Get(), place.name.c_str(), 0700));
      }));
      return true;
    default:
      return false;
  }
}

void DoOnFile(int fd, bool append, FileRequest::Reader in,
              FileReply::Builder out) {
  switch (in.getOperation()) {
    case FileOperation::READ:
      return Read(fd, in, out);
    case FileOperation::WRITE:
      return Write(fd, append, in, out);
    case FileOperation::READ_DIRECTORY:
      return ReadDirectory(fd, in, out);
    case FileOperation::TRUNCATE:
      OrThrow(ftruncate(fd, ToOffset(in.getSize())));
      return;
    case FileOperation::SYNC:
      OrThrow(fsync(fd));
      return;
    default:
      ThrowErrno(ENOSYS);  // of a later version
  }
}

}  // namespace

void FileService::Grant(const std::string& path) {
  auto directory = std::make_shared<GrantedDirectory>(path);
  std::lock_guard guard(mutex_);
  directory_ = std::move(directory);
}

std::shared_ptr<GrantedDirectory> FileService::Directory() const {
  std::lock_guard guard(mutex_);
  if (directory_ == nullptr) ThrowErrno(ENODEV);
  return directory_;
}

std::shared_ptr<FileService::File> FileService::Find(NodeId from,
                                                     uint32_t id) const {
  std::lock_guard guard(mutex_);
  auto found = files_.find(id);
  if (found == files_.end() || found->second->owner != from) ThrowErrno(EBADF);
  return found->second;
}

void FileService::Add(NodeId from, Descriptor descriptor, bool append,
                      FileReply::Builder out) {
  auto status = ReadStatus(descriptor.Get());
  auto file = std::make_shared<File>(from, std::move(descriptor), append);
  std::lock_guard guard(mutex_);
  // Its request may have been waiting here while it went.
  if (gone_.contains(from)) ThrowErrno(ESTALE);
  size_t& open = open_[from];
  if (open == FileSystem::kMaxOpenFiles) ThrowErrno(EMFILE);
  uint32_t id = next_;
  while (id == 0 || files_.contains(id)) ++id;
  files_.emplace(id, std::move(file));
  ++open;
  next_ = id + 1;
  out.setFile(id);
  Fill(out.initStatus(), status);
}

void FileService::Open(NodeId from, FileRequest::Reader in,
                       FileReply::Builder out) {
  auto descriptor = Directory()->Open(View(in.getPath()),
                                      LinuxFlags(in.getFlags()), in.getMode());
  // Devices, pipes and sockets are no files that could be sent.
  struct stat status = StatusOf(descriptor.Get());
  if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode)) ThrowErrno(EACCES);
  bool append = (in.getFlags() & kOpenAppend) != 0;
  Add(from, std::move(descriptor), append, out);
}

void FileService::OpenTemporary(NodeId from, FileRequest::Reader in,
                                FileReply::Builder out) {
  auto directory = Directory();
  Descriptor descriptor;
  std::string path =
      MakeTemporary(View(in.getPath()), [&](const std::string& made) {
        descriptor = directory->Open(made, O_RDWR | O_CREAT | O_EXCL, 0600);
      });
  try {
    Add(from, std::move(descriptor), false, out);
  } catch (...) {
    auto place = directory->Find(path, EINVAL);
    unlinkat(place.parent.Get(), place.name.c_str(), 0);
    throw;
  }
  out.setText(path);
}

void FileService::Close(NodeId from, FileRequest::Reader in) {
  auto file = Find(from, in.getFile());
  std::lock_guard guard(mutex_);
  if (files_.erase(in.getFile()) == 1) --open_[from];
}

void FileService::Do(NodeId from, FileRequest::Reader in,
                     FileReply::Builder out) {
  switch (in.getOperation()) {
    case FileOperation::OPEN:
      return Open(from, in, out);
    case FileOperation::MAKE_TEMPORARY_FILE:
      return OpenTemporary(from, in, out);
    case FileOperation::CLOSE:
      return Close(from, in);
    case FileOperation::WATCH:
      return out.setFile(watches_.Add(from, *Directory(), View(in.getPath())));
    case FileOperation::UNWATCH:
      return watches_.Remove(from, in.getFile());
    default:
      break;
  }
  auto directory = Directory();
  if (DoOnName(*directory, in, out)) return;
  if (DoOnPathAttributes(*directory, in, out)) return;
  auto file = Find(from, in.getFile());
  if (DoOnFileAttributes(file->descriptor.Get(), in, out)) return;
  DoOnFile(file->descriptor.Get(), file->append, in, out);
}

void FileService::Serve(NodeId from, FileRequest::Reader in,
                        FileReply::Builder out) {
  try {
    Do(from, in, out);
  } catch (const std::system_error& error) {
    out.setError(static_cast<uint32_t>(error.code().value()));
  }
}

void FileService::Forget(NodeId node) {
  watches_.Forget(node);
  std::lock_guard guard(mutex_);
  std::erase_if(files_, [node](const auto& entry) {
    return entry.second->owner == node;
  });
  open_.erase(node);
  gone_.insert(node);
}

size_t FileService::OpenFiles() const {
  std::lock_guard guard(mutex_);
  return files_.size();
}

}  // namespace ebbrt::hosted
