/* Directory streams of this target. getdents(2) of the library OS fills the
 * buffer with `struct dirent` records, each `d_reclen` bytes long. */
#ifndef _SYS_DIRENT_H_
#define _SYS_DIRENT_H_

#include <sys/_types.h>
#include <sys/lock.h>
#include <sys/types.h>

#define HAVE_DD_LOCK 1

typedef struct {
  int dd_fd;
  long dd_loc;
  long dd_size;
  char *dd_buf;
  int dd_len;
  long dd_seek;
  _LOCK_RECURSIVE_T dd_lock;
} DIR;

#define __dirfd(dir) ((dir)->dd_fd)

struct dirent {
  ino_t d_ino;
  off_t d_off;
  unsigned short d_reclen;
  unsigned char d_type;
  char d_name[256];
};

#define _DIRENT_HAVE_D_TYPE 1
#define MAXNAMLEN 255

#define DT_UNKNOWN 0
#define DT_FIFO 1
#define DT_CHR 2
#define DT_DIR 4
#define DT_BLK 6
#define DT_REG 8
#define DT_LNK 10
#define DT_SOCK 12

#endif
