// Limits of resources and priorities: there are none but the machine's, and of files
// that may be open, the table's.

#include <sys/resource.h>

#include <cerrno>

#include "native/libc/file_table.h"

using ebbrt::libc::FileTable;

extern "C" {

int getrlimit(int resource, rlimit* limit) {
  if (resource == RLIMIT_NOFILE) {
    *limit = {static_cast<rlim_t>(FileTable::Get().Limit()),
              static_cast<rlim_t>(FileTable::kEnd)};
  } else {
    *limit = {RLIM_INFINITY, RLIM_INFINITY};
  }
  return 0;
}

/// That of open files is kept; others can only be set to what they are.
int setrlimit(int resource, const rlimit* limit) {
  if (resource == RLIMIT_NOFILE) {
    if (limit->rlim_cur > static_cast<rlim_t>(FileTable::kEnd)) {
      errno = EPERM;
      return -1;
    }
    FileTable::Get().SetLimit(static_cast<int>(limit->rlim_cur));
    return 0;
  }
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
