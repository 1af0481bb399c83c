/* POSIX thread types of this target, on the primitives of <sys/gthread.h>. */
#ifndef _SYS__PTHREADTYPES_H_
#define _SYS__PTHREADTYPES_H_

#include <sys/gthread.h>
#include <sys/sched.h>

#define PTHREAD_SCOPE_PROCESS 0
#define PTHREAD_SCOPE_SYSTEM 1
#define PTHREAD_INHERIT_SCHED 1
#define PTHREAD_EXPLICIT_SCHED 2
#define PTHREAD_CREATE_DETACHED 0
#define PTHREAD_CREATE_JOINABLE 1
#define PTHREAD_PROCESS_PRIVATE 0
#define PTHREAD_PROCESS_SHARED 1
#define PTHREAD_STACK_MIN 16384

#define PTHREAD_MUTEX_NORMAL 0
#define PTHREAD_MUTEX_RECURSIVE 1
#define PTHREAD_MUTEX_ERRORCHECK 2
#define PTHREAD_MUTEX_DEFAULT PTHREAD_MUTEX_NORMAL

typedef ebbrt_gthread_t pthread_t;

/* Stack attributes are recorded but the library OS chooses the stack. */
typedef struct {
  void *stackaddr;
  size_t stacksize;
  size_t guardsize;
  struct sched_param schedparam;
  int detachstate;
} pthread_attr_t;

typedef struct {
  int type;
} pthread_mutexattr_t;

/* `type` lies outside the primitive, which does not know its own kind. */
typedef struct {
  ebbrt_gthread_mutex_t mutex;
  int type;
} pthread_mutex_t;
#define _PTHREAD_MUTEX_INITIALIZER {EBBRT_GTHREAD_MUTEX_INIT, 0}
#define PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP \
  {EBBRT_GTHREAD_MUTEX_INIT, PTHREAD_MUTEX_RECURSIVE}

typedef struct {
  clockid_t clock;
} pthread_condattr_t;

typedef struct {
  ebbrt_gthread_cond_t cond;
  clockid_t clock;
} pthread_cond_t;
#define _PTHREAD_COND_INITIALIZER {EBBRT_GTHREAD_COND_INIT, 0}

typedef ebbrt_gthread_key_t pthread_key_t;

typedef ebbrt_gthread_once_t pthread_once_t;
#define _PTHREAD_ONCE_INIT EBBRT_GTHREAD_ONCE_INIT

typedef struct {
  int reserved;
} pthread_rwlockattr_t;

/* `readers` counts the holders that read; writers go first. */
typedef struct {
  ebbrt_gthread_mutex_t mutex;
  ebbrt_gthread_cond_t changed;
  unsigned readers;
  unsigned waiting_writers;
  int writing;
} pthread_rwlock_t;
#define _PTHREAD_RWLOCK_INITIALIZER \
  {EBBRT_GTHREAD_MUTEX_INIT, EBBRT_GTHREAD_COND_INIT, 0, 0, 0}

#endif
