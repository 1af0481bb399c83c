// Limits of resources and priorities: there are none but the machine's, and of files
// that may be open, the table's.

#include <sys/resource.h>

#include <cerrno>

#include "native/libc/file_table.h"

extern "C" {

int getrlimit(int resource, rlimit* limit) {
  rlim_t most = resource == RLIMIT_NOFILE
                    ? static_cast<rlim_t>(ebbrt::libc::FileTable::kEnd)
                    : RLIM_INFINITY;
  *limit = {most, most};
  return 0;
}

/// A limit that is as it is may be set; another is not kept.
int setrlimit(int resource, const rlimit* limit) {
  rlimit have;
  getrlimit(resource, &have);
  if (limit->rlim_cur == have.rlim_cur) return 0;
  errno = EPERM;
  return -1;
}

int getpriority(int, id_t) { return 0; }

int setpriority(int, id_t, int value) {
  if (value == 0) return 0;
  errno = EPERM;
  return -1;
}

}  // extern "C"
