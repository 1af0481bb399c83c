/* Linux's epoll(7), level-triggered and EPOLLONESHOT. */
#ifndef _SYS_EPOLL_H_
#define _SYS_EPOLL_H_

#include <signal.h>
#include <stdint.h>

#define EPOLLIN 0x001
#define EPOLLPRI 0x002
#define EPOLLOUT 0x004
#define EPOLLERR 0x008
#define EPOLLHUP 0x010
#define EPOLLRDHUP 0x2000
#define EPOLLONESHOT (1u << 30)

#define EPOLL_CLOEXEC 0x40000

#define EPOLL_CTL_ADD 1
#define EPOLL_CTL_DEL 2
#define EPOLL_CTL_MOD 3

typedef union epoll_data {
  void *ptr;
  int fd;
  uint32_t u32;
  uint64_t u64;
} epoll_data_t;

struct epoll_event {
  uint32_t events;
  epoll_data_t data;
} __attribute__((packed));

#ifdef __cplusplus
extern "C" {
#endif

int epoll_create(int size);
int epoll_create1(int flags);
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int epoll_wait(int epoll, struct epoll_event *events, int count,
               int milliseconds);
int epoll_pwait(int epoll, struct epoll_event *events, int count,
                int milliseconds, const sigset_t *mask);

#ifdef __cplusplus
}
#endif

#endif
