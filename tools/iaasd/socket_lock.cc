#include "socket_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

namespace ebbrt::iaas {
namespace {

constexpr int kBacklog = 128;

UserError Failed(const std::string& what) {
  return UserError(what + ": " + std::strerror(errno));
}

// Makes the directory if need be and tells whether it did. Refuses one in which
// others could put a socket of theirs in our place.
bool MakeDirectory(const std::string& directory) {
  const mode_t mode = geteuid() == 0 ? 0755 : 0700;
  if (mkdir(directory.c_str(), mode) == 0) return true;
  if (errno != EEXIST) {
    throw Failed("can't make the socket's directory " + directory);
  }
  struct stat status;
  if (stat(directory.c_str(), &status) == 0 && status.st_uid != 0 &&
      status.st_uid != geteuid()) {
    throw UserError("the socket's directory " + directory +
                    " belongs to user " + std::to_string(status.st_uid) +
                    ", who is neither root nor you; choose another path with "
                    "--socket");
  }
  return false;
}

// Whether `fd` is still what the path names: the file's last holder may have
// removed it between our opening and our locking.
bool StillAt(const std::string& path, int fd) {
  struct stat named;
  struct stat held;
  return stat(path.c_str(), &named) == 0 && fstat(fd, &held) == 0 &&
         named.st_dev == held.st_dev && named.st_ino == held.st_ino;
}

std::string HolderOf(int fd) {
  std::array<char, 32> text{};
  const ssize_t got = pread(fd, text.data(), text.size() - 1, 0);
  return got > 0 ? " (process " + std::string(text.data()) + ")" : "";
}

}  // namespace

SocketLock::SocketLock(const std::string& socket) : path_(socket + ".lock") {
  if (!socket.starts_with('/')) {
    throw UserError("the socket's path '" + socket + "' is not absolute");
  }
  const std::string directory =
      std::filesystem::path(socket).parent_path().string();
  while (true) {
    if (MakeDirectory(directory)) made_directory_ = directory;
    fd_ = kj::AutoCloseFd(
        open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    // A daemon that ends may have removed the directory in between.
    if (fd_.get() < 0 && errno == ENOENT) continue;
    if (fd_.get() < 0) throw Failed("can't open the lock file " + path_);
    if (flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno != EWOULDBLOCK) throw Failed("can't lock " + path_);
      throw AlreadyServed("another iaasd" + HolderOf(fd_.get()) +
                          " serves the socket " + socket +
                          "; use that one, end it, or choose another path with "
                          "--socket");
    }
    if (StillAt(path_, fd_.get())) break;
  }
  const std::string pid = std::to_string(getpid());
  if (ftruncate(fd_.get(), 0) != 0 ||
      pwrite(fd_.get(), pid.data(), pid.size(), 0) < 0) {
    throw Failed("can't write the lock file " + path_);
  }
}

SocketLock::~SocketLock() noexcept {
  // Removed while it is still locked: who opens it now finds out by StillAt.
  unlink(path_.c_str());
  if (!made_directory_.empty()) rmdir(made_directory_.c_str());
}

kj::AutoCloseFd ListenAt(const std::string& path, const Credentials* only) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    throw UserError("the socket's path " + path + " is longer than " +
                    std::to_string(sizeof address.sun_path - 1) +
                    " bytes; choose a shorter one with --socket");
  }
  path.copy(address.sun_path, path.size());
  struct stat status;
  if (lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) {
      throw UserError(path +
                      " exists and is not a socket; move it away, or choose "
                      "another path with --socket");
    }
    unlink(path.c_str());
  }
  kj::AutoCloseFd fd(
      socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (fd.get() < 0) throw Failed("can't make a socket");
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) !=
      0) {
    throw Failed("can't bind the socket " + path);
  }
  // Until here the process's umask has kept others from writing, and so from
  // connecting.
  if (only != nullptr && geteuid() == 0 &&
      lchown(path.c_str(), only->uid, only->gid) != 0) {
    throw Failed("can't give the socket " + path + " to its user");
  }
  chmod(path.c_str(), geteuid() == 0 && only == nullptr ? 0666 : 0600);
  if (listen(fd.get(), kBacklog) != 0) throw Failed("can't listen at " + path);
  return fd;
}

}  // namespace ebbrt::iaas
