// Limits of resources and priorities: there are none but the machine's, and of files
// that may be open, the table's.

#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "native/libc/file_table.h"

using ebbrt::libc::FileTable;

namespace {

/// Remembered; there is nobody to come before.
std::atomic<int> priority{0};

/// Whether the program is meant: 0 is the caller, which is process 1.
bool IsUs(int which, id_t who) { return which == PRIO_PROCESS && who <= 1; }

}  // namespace

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

int getpriority(int which, id_t who) {
  if (IsUs(which, who)) return priority;
  errno = ESRCH;
  return -1;
}

int setpriority(int which, id_t who, int value) {
  if (!IsUs(which, who)) {
    errno = ESRCH;
    return -1;
  }
  priority = std::clamp(value, -20, 19);
  return 0;
}

}  // extern "C"
