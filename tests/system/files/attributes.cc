// Modes, owners, times and temporary files by the C library.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/system/files/parts.h"

namespace {

struct stat Look(const char* path) {
  struct stat status;
  Require(lstat(path, &status) == 0, std::string("lstat ") + path);
  return status;
}

void Times() {
  timespec times[2] = {{.tv_sec = 5, .tv_nsec = 6},
                       {.tv_sec = 7, .tv_nsec = 8}};
  Require(utimensat(AT_FDCWD, "/link", times, AT_SYMLINK_NOFOLLOW) == 0,
          "utimensat of a link");
  Require(Look("/link").st_mtim.tv_sec == 7 &&
              Look("/hello.txt").st_mtim.tv_sec > 1'600'000'000,
          "the link's time alone");
  Require(utimensat(AT_FDCWD, "/link", times, 0) == 0, "utimensat");
  auto status = Look("/hello.txt");
  Require(status.st_atim.tv_sec == 5 && status.st_mtim.tv_nsec == 8, "times");
  times[0].tv_nsec = UTIME_OMIT;
  times[1].tv_nsec = UTIME_NOW;
  Require(utimensat(AT_FDCWD, "/hello.txt", times, 0) == 0, "UTIME_NOW");
  status = Look("/hello.txt");
  Require(status.st_atim.tv_sec == 5 && status.st_mtim.tv_sec > 1'600'000'000,
          "UTIME_NOW and UTIME_OMIT");
  timeval values[2] = {{.tv_sec = 9, .tv_usec = 0},
                       {.tv_sec = 10, .tv_usec = 1}};
  Require(
      lutimes("/link", values) == 0 && Look("/link").st_mtim.tv_nsec == 1000,
      "lutimes");
  times[0].tv_nsec = 1'000'000'000;
  Require(utimensat(AT_FDCWD, "/link", times, 0) == -1 && errno == EINVAL,
          "a bad time");
}

void Owners() {
  Require(chown("/link", 12, 34) == 0, "chown");
  Require(lchown("/link", 56, static_cast<gid_t>(-1)) == 0, "lchown");
  auto file = Look("/hello.txt"), link = Look("/link");
  Require(file.st_uid == 12 && file.st_gid == 34, "the file's owner");
  Require(link.st_uid == 56 && link.st_gid == 0, "the link's owner");
}

/// By a descriptor, when the name is another's.
void OfADescriptor() {
  int fd = open("/hello.txt", O_RDWR);
  Require(fd >= 3 && rename("/hello.txt", "/moved") == 0, "rename");
  Require(close(open("/hello.txt", O_CREAT | O_WRONLY, 0600)) == 0, "another");
  timespec times[2] = {{.tv_sec = 1, .tv_nsec = 0},
                       {.tv_sec = 2, .tv_nsec = 0}};
  Require(fchmod(fd, 0640) == 0 && futimens(fd, times) == 0 &&
              fchown(fd, 78, static_cast<gid_t>(-1)) == 0,
          "fchmod, futimens, fchown");
  auto moved = Look("/moved"), other = Look("/hello.txt");
  Require((moved.st_mode & 07777) == 0640 && moved.st_mtim.tv_sec == 2 &&
              moved.st_uid == 78 && moved.st_gid == 34,
          "the moved file's attributes");
  Require((other.st_mode & 07777) == 0600 && other.st_uid == 0, "the other's");
  Require(close(fd) == 0, "close");
  Require(fchmod(fd, 0600) == -1 && errno == EBADF, "fchmod of none");
}

void CreationMask() {
  Require(umask(077) == 022 && umask(077) == 077, "umask");
  int fd = open("/masked", O_WRONLY | O_CREAT, 0666);
  struct stat status;
  Require(fd >= 3 && fstat(fd, &status) == 0 &&
              (status.st_mode & 07777) == 0600 && close(fd) == 0,
          "a file's mode");
  Require(mkdir("/masked.d", 0777) == 0 && stat("/masked.d", &status) == 0 &&
              (status.st_mode & 07777) == 0700,
          "a directory's mode");
  Require(umask(022) == 077 && rmdir("/masked.d") == 0 &&
              unlink("/masked") == 0,
          "umask again");
}

}  // namespace

void Attributes() {
  CreationMask();
  Require(symlink("hello.txt", "/link") == 0, "symlink");
  Require(
      access("/hello.txt", F_OK) == 0 && access("/hello.txt", R_OK | W_OK) == 0,
      "access");
  Require(access("/hello.txt", X_OK) == -1 && errno == EACCES, "X_OK");
  Require(access("/missing", F_OK) == -1 && errno == ENOENT, "F_OK");
  Require(access("/absolute", F_OK) == -1 && errno == ENOENT, "outside");
  Require(chmod("/hello.txt", 0755) == 0 && access("/hello.txt", X_OK) == 0,
          "X_OK of a program");
  Times();
  Owners();
  OfADescriptor();
}

void TemporaryFiles() {
  char directory[] = "/sub/d-XXXXXX", other[] = "/sub/d-XXXXXX";
  Require(mkdtemp(directory) == directory && mkdtemp(other) == other,
          "mkdtemp");
  Require(std::strcmp(directory, other) != 0, "different names");
  Require(S_ISDIR(Look(directory).st_mode), "a directory");
  Require(chdir(directory) == 0, "chdir");
  char name[] = "file-XXXXXX.txt";
  int fd = mkstemps(name, 4);
  Require(fd >= 3 && write(fd, "x", 1) == 1 && close(fd) == 0, "mkstemps");
  Require((Look(name).st_mode & 07777) == 0600, "the mode");
  char simple[] = "XXXXXX";
  fd = mkstemp(simple);
  Require(fd >= 3 && close(fd) == 0, "mkstemp");
  char bad[] = "XXXXX";
  Require(mkstemp(bad) == -1 && errno == EINVAL, "no pattern");
  char nowhere[] = "/missing/XXXXXX";
  Require(mkdtemp(nowhere) == nullptr && errno == ENOENT, "nowhere");
}
