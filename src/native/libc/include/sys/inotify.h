/* Linux's inotify(7) on the front-end's files. */
#ifndef _SYS_INOTIFY_H_
#define _SYS_INOTIFY_H_

#include <stdint.h>

struct inotify_event {
  int wd;
  uint32_t mask;
  uint32_t cookie;
  uint32_t len;
  char name[];
};

#define IN_MODIFY 0x2
#define IN_ATTRIB 0x4
#define IN_MOVED_FROM 0x40
#define IN_MOVED_TO 0x80
#define IN_CREATE 0x100
#define IN_DELETE 0x200
#define IN_DELETE_SELF 0x400
#define IN_MOVE_SELF 0x800
#define IN_Q_OVERFLOW 0x4000
#define IN_IGNORED 0x8000
#define IN_NONBLOCK 0x4000 /* as O_NONBLOCK */
#define IN_CLOEXEC 0x40000

#ifdef __cplusplus
extern "C" {
#endif

int inotify_init1(int flags);
int inotify_add_watch(int fd, const char *path, uint32_t mask);
int inotify_rm_watch(int fd, int watch);

#ifdef __cplusplus
}
#endif

#endif
