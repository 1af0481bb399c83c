/* statfs(2): the front-end's file system. */
#ifndef _SYS_STATFS_H_
#define _SYS_STATFS_H_

#include <sys/types.h>

struct statfs {
  unsigned long f_type;
  unsigned long f_bsize; /* bytes; the counts are of such blocks */
  unsigned long f_blocks;
  unsigned long f_bfree;
  unsigned long f_bavail;
  unsigned long f_files;
  unsigned long f_ffree;
};

#ifdef __cplusplus
extern "C" {
#endif

int statfs(const char *path, struct statfs *status);

#ifdef __cplusplus
}
#endif

#endif
