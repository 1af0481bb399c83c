// Weak answers to POSIX calls that a library OS may leave out: the C and C++
// libraries refer to them, and a program that never gets there needs none. A
// strong definition in the library OS takes their place.
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>
#include <utime.h>

#define WEAK __attribute__((__weak__))

// A function with these parameters that fails with ENOSYS.
#define MISSING(type, name, ...)                 \
  WEAK type name(__VA_ARGS__) {                  \
    errno = ENOSYS;                              \
    return (type)-1;                             \
  }

#pragma GCC diagnostic ignored "-Wunused-parameter"

// Files by name.
MISSING(int, access, const char *path, int mode)
MISSING(int, chdir, const char *path)
MISSING(int, chmod, const char *path, mode_t mode)
MISSING(int, chown, const char *path, uid_t user, gid_t group)
MISSING(int, link, const char *from, const char *to)
MISSING(int, lstat, const char *path, struct stat *status)
MISSING(int, mkdir, const char *path, mode_t mode)
MISSING(int, mknod, const char *path, mode_t mode, dev_t device)
MISSING(long, pathconf, const char *path, int name)
MISSING(ssize_t, readlink, const char *path, char *buffer, size_t size)
MISSING(int, rename, const char *from, const char *to)
MISSING(int, rmdir, const char *path)
MISSING(int, stat, const char *path, struct stat *status)
MISSING(int, symlink, const char *target, const char *path)
MISSING(int, truncate, const char *path, off_t size)
MISSING(int, unlink, const char *path)
MISSING(int, utime, const char *path, const struct utimbuf *times)
MISSING(int, utimensat, int fd, const char *path, const struct timespec *times,
        int flags)
MISSING(int, fchmodat, int fd, const char *path, mode_t mode, int flags)
MISSING(int, unlinkat, int fd, const char *path, int flags)

WEAK char *getcwd(char *buffer, size_t size) {
  errno = ENOSYS;
  return NULL;
}

WEAK char *realpath(const char *path, char *resolved) {
  errno = ENOSYS;
  return NULL;
}

WEAK mode_t umask(mode_t mode) { return 022; }

// Open files.
MISSING(int, dup, int fd)
MISSING(int, dup2, int from, int to)
MISSING(int, fchmod, int fd, mode_t mode)
MISSING(int, fcntl, int fd, int command, ...)
MISSING(int, fsync, int fd)
MISSING(int, ftruncate, int fd, off_t size)
MISSING(int, futimens, int fd, const struct timespec *times)
MISSING(int, getdents, int fd, void *entries, int size)
MISSING(int, ioctl, int fd, unsigned long request, ...)
MISSING(int, openat, int fd, const char *path, int flags, ...)
MISSING(int, pipe, int fds[2])
MISSING(ssize_t, pread, int fd, void *buffer, size_t size, off_t offset)
MISSING(ssize_t, pwrite, int fd, const void *data, size_t size, off_t offset)

typedef ssize_t (*Transfer)(int fd, void *data, size_t size);

// Parts one after the other, until one is transferred short.
static ssize_t transfer(Transfer one, int fd, const struct iovec *parts,
                        int count) {
  ssize_t total = 0;
  for (int i = 0; i < count; ++i) {
    ssize_t done = one(fd, parts[i].iov_base, parts[i].iov_len);
    if (done < 0) return total ? total : done;
    total += done;
    if ((size_t)done < parts[i].iov_len) break;
  }
  return total;
}

static ssize_t write_part(int fd, void *data, size_t size) {
  return write(fd, data, size);
}

WEAK ssize_t readv(int fd, const struct iovec *parts, int count) {
  return transfer((Transfer)read, fd, parts, count);
}

WEAK ssize_t writev(int fd, const struct iovec *parts, int count) {
  return transfer(write_part, fd, parts, count);
}

// Memory.
WEAK void *mmap(void *address, size_t size, int protection, int flags, int fd,
                off_t offset) {
  errno = ENOSYS;
  return MAP_FAILED;
}
MISSING(int, munmap, void *address, size_t size)
MISSING(int, mprotect, void *address, size_t size, int protection)
MISSING(int, msync, void *address, size_t size, int flags)
MISSING(int, madvise, void *address, size_t size, int advice)
MISSING(int, mlock, const void *address, size_t size)
MISSING(int, munlock, const void *address, size_t size)

// Processes and users: there is one of each.
MISSING(pid_t, fork, void)
MISSING(int, execve, const char *path, char *const arguments[],
        char *const environment[])
MISSING(pid_t, wait, int *status)
WEAK uid_t getuid(void) { return 0; }
WEAK uid_t geteuid(void) { return 0; }
WEAK gid_t getgid(void) { return 0; }
WEAK gid_t getegid(void) { return 0; }
WEAK int issetugid(void) { return 0; }
WEAK char *getlogin(void) { return NULL; }
WEAK struct passwd *getpwnam(const char *name) { return NULL; }
WEAK struct passwd *getpwuid(uid_t user) { return NULL; }

// Signals come only from the program itself, so masking them changes nothing.
WEAK int sigprocmask(int how, const sigset_t *set, sigset_t *old) {
  if (old) *old = 0;
  return 0;
}
MISSING(int, sigaltstack, const stack_t *stack, stack_t *old)
MISSING(int, sigaction, int signal, const struct sigaction *action,
        struct sigaction *old)
