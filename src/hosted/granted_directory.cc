#include "hosted/granted_directory.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <system_error>

#include "common/concat.h"
#include "hosted/system_call.h"

namespace ebbrt::hosted {
namespace {

/// The path as others say it of the directory: without leading slashes.
std::string Relative(std::string_view path) {
  if (path.empty()) ThrowErrno(ENOENT);
  if (path.size() >= PATH_MAX) ThrowErrno(ENAMETOOLONG);
  if (path.find('\0') != path.npos) ThrowErrno(EINVAL);
  auto begin = path.find_first_not_of('/');
  return begin == path.npos ? "." : std::string(path.substr(begin));
}

std::string Link(int fd) {
  std::array<char, PATH_MAX> target;
  auto link = Concat({"/proc/self/fd/", fd});
  ssize_t size = readlink(link.c_str(), target.data(), target.size());
  if (size < 0) ThrowErrno(errno);
  return {target.data(), static_cast<size_t>(size)};
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) close(fd_);
}

GrantedDirectory::GrantedDirectory(const std::string& path)
    : root_(open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  if (root_.Get() < 0) {
    throw std::system_error(errno, std::generic_category(),
                            Concat({"the directory to be granted, ", path}));
  }
}

Descriptor GrantedDirectory::Open(std::string_view path, int flags,
                                  unsigned mode) const {
  std::string relative = Relative(path);
  open_how how{};
  how.flags = static_cast<uint64_t>(flags) | O_CLOEXEC;
  if ((flags & O_PATH) == 0) how.flags |= O_NONBLOCK | O_NOCTTY;
  if ((flags & O_CREAT) != 0) how.mode = mode & 07777;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  long fd;
  do {
    fd = syscall(SYS_openat2, root_.Get(), relative.c_str(), &how, sizeof(how));
    // EAGAIN: something was renamed meanwhile, so that nothing could be proved.
  } while (fd < 0 && (errno == EAGAIN || errno == EINTR));
  if (fd < 0) ThrowErrno(errno == EXDEV ? EACCES : errno);
  return Descriptor(static_cast<int>(fd));
}

GrantedDirectory::Place GrantedDirectory::Find(std::string_view path,
                                               int no_name) const {
  std::string relative = Relative(path);
  // A name may be followed by slashes: mkdir("x/").
  auto end = relative.find_last_not_of('/');
  relative.resize(end + 1);
  auto slash = relative.rfind('/');
  std::string name =
      slash == relative.npos ? relative : relative.substr(slash + 1);
  if (name.size() > NAME_MAX) ThrowErrno(ENAMETOOLONG);
  std::string parent = slash == relative.npos ? "." : relative.substr(0, slash);
  Place place{Open(parent, O_PATH | O_DIRECTORY), std::move(name)};
  if (place.name == "." || place.name == "..") ThrowErrno(no_name);
  return place;
}

std::string GrantedDirectory::PathOf(int fd) const {
  std::string root = Link(root_.Get());
  std::string path = Link(fd);
  if (path == root) return "/";
  if (root == "/") return path;
  if (!path.starts_with(root + "/")) ThrowErrno(ENOENT);
  return path.substr(root.size());
}

}  // namespace ebbrt::hosted
