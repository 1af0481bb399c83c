// What POSIX says of other processes, users and sessions: there are none.

#include <pwd.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "native/page_info.h"

namespace {

int Fail(int error) {
  errno = error;
  return -1;
}

/// There is one user, 0, and one group.
int Become(unsigned id) { return id == 0 ? 0 : Fail(EPERM); }

}  // namespace

extern "C" {

pid_t getppid() { return 0; }
int getpagesize() { return static_cast<int>(ebbrt::kPageSize); }
pid_t waitpid(pid_t, int*, int) { return Fail(ECHILD); }
int execvp(const char*, char* const*) { return Fail(ENOSYS); }
pid_t setsid() { return Fail(EPERM); }
int setuid(uid_t id) { return Become(id); }
int setgid(gid_t id) { return Become(id); }
int seteuid(uid_t id) { return Become(id); }
int setegid(gid_t id) { return Become(id); }
int setgroups(int count, const gid_t*) {
  return count == 0 ? 0 : Fail(EPERM);
}
int getgroups(int, gid_t*) { return 0; }

int getpwuid_r(uid_t id, passwd* user, char*, size_t, passwd** result) {
  static char name[] = "root", nothing[] = "", home[] = "/",
              shell[] = "/bin/false";
  *result = nullptr;
  if (id != 0) return 0;
  *user = {};
  user->pw_name = name;
  user->pw_passwd = nothing;
  user->pw_gecos = nothing;
  user->pw_dir = home;
  user->pw_shell = shell;
  *result = user;
  return 0;
}

/// Nothing ever forks.
int pthread_atfork(void (*)(), void (*)(), void (*)()) { return 0; }

}  // extern "C"
