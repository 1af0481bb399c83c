// GrantedDirectory: a directory as a world of its own, for paths that others
// name.
//
// Every path is resolved by the kernel as if the directory were the root
// (openat2 with RESOLVE_IN_ROOT), component by component: it is its own `..`,
// absolute symbolic links begin at it, and nothing leads out, also not what
// somebody swaps in meanwhile. What is created, removed or renamed is named by
// its parent's descriptor and its last component.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace ebbrt::hosted {

/// A file descriptor that is closed when this ends.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  int Get() const { return fd_; }

 private:
  int fd_ = -1;
};

/// Members throw std::system_error with the errno; EACCES if a
/// directory was moved out while a path led through it. Any thread.
class GrantedDirectory {
 public:
  /// Throws std::system_error with `path` if it is no directory that can be
  /// opened.
  explicit GrantedDirectory(const std::string& path);

  /// Opens what `path` names with open(2)'s `flags` and `mode`. Never waits,
  /// and never becomes the controlling terminal.
  Descriptor Open(std::string_view path, int flags, unsigned mode = 0) const;

  struct Place {
    Descriptor parent;
    std::string name;  // without slash; not empty, not a dot or two
  };
  /// Where `path` is or would be. `no_name` is the error if its last component
  /// is a dot or two, which nothing is made or removed by.
  Place Find(std::string_view path, int no_name) const;

  /// The path, beginning with a slash, of what a descriptor refers to; ENOENT
  /// if it isn't below the directory (any more).
  std::string PathOf(int fd) const;

 private:
  Descriptor root_;
};

}  // namespace ebbrt::hosted
