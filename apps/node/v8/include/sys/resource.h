// Limits for V8: there are none but the machine's.
#pragma once

// Newlib's says nothing of C++.
extern "C" {
#include_next <sys/resource.h>
}

typedef unsigned long rlim_t;
struct rlimit {
  rlim_t rlim_cur;
  rlim_t rlim_max;
};
#define RLIMIT_DATA 2
#define RLIM_INFINITY (~static_cast<rlim_t>(0))

inline int getrlimit(int, rlimit* limit) {
  *limit = {RLIM_INFINITY, RLIM_INFINITY};
  return 0;
}
