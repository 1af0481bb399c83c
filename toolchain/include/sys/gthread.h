/* The thread primitives that the C and C++ libraries of this target are built
 * on. The library OS implements every function declared here; nothing below it
 * in the toolchain blocks or schedules by itself.
 *
 * A "thread" is an event context: the code between two points at which an event
 * gives up its core, with the stack it runs on. A context that blocks here must
 * let its core go on with other events. All objects are plain data and valid when
 * they are all zero, so that one with static storage needs no constructor and can
 * be used before any constructor has run.
 *
 * Error results are the numbers of <errno.h>, never through errno.
 */
#ifndef _SYS_GTHREAD_H_
#define _SYS_GTHREAD_H_

#include <sys/_timespec.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A blocked context, as the library OS represents it. */
struct ebbrt_gthread_waiter;

/* A context that can be joined, as the library OS represents it. */
struct ebbrt_gthread_control;

/* A mutex, recursive or not depending on the functions it is used with. The
 * library OS owns the meaning of the fields; `spin` is meant as the short lock
 * around the others. */
typedef struct {
  unsigned spin;
  unsigned locked;
  void *owner;
  struct ebbrt_gthread_waiter *head;
  struct ebbrt_gthread_waiter *tail;
  unsigned count;
  unsigned reserved;
} ebbrt_gthread_mutex_t;

typedef struct {
  unsigned spin;
  unsigned reserved;
  struct ebbrt_gthread_waiter *head;
  struct ebbrt_gthread_waiter *tail;
} ebbrt_gthread_cond_t;

typedef struct {
  unsigned spin;
  unsigned state;
  struct ebbrt_gthread_waiter *head;
  struct ebbrt_gthread_waiter *tail;
} ebbrt_gthread_once_t;

typedef unsigned ebbrt_gthread_key_t;
typedef struct ebbrt_gthread_control *ebbrt_gthread_t;

#define EBBRT_GTHREAD_MUTEX_INIT {0, 0, 0, 0, 0, 0, 0}
#define EBBRT_GTHREAD_COND_INIT {0, 0, 0, 0}
#define EBBRT_GTHREAD_ONCE_INIT {0, 0, 0, 0}

/* Runs `function` exactly once per object; a concurrent caller returns after it
 * has ended. `function` may throw: the object is then as if never used, one of
 * the contexts that wait tries next, and the exception goes to the caller. */
int ebbrt_gthread_once(ebbrt_gthread_once_t *once, void (*function)(void));

/* Values per context. Key 0 is never given out. The destructor runs when a
 * context ends with a value that is not null. */
int ebbrt_gthread_key_create(ebbrt_gthread_key_t *key,
                             void (*destructor)(void *));
int ebbrt_gthread_key_delete(ebbrt_gthread_key_t key);
void *ebbrt_gthread_getspecific(ebbrt_gthread_key_t key);
int ebbrt_gthread_setspecific(ebbrt_gthread_key_t key, const void *value);

/* EDEADLK from lock when the calling context holds the mutex; EBUSY from trylock
 * when it is held; ETIMEDOUT from timedlock; EPERM from unlock by another. The
 * time is absolute, on CLOCK_REALTIME. */
int ebbrt_gthread_mutex_lock(ebbrt_gthread_mutex_t *mutex);
int ebbrt_gthread_mutex_trylock(ebbrt_gthread_mutex_t *mutex);
int ebbrt_gthread_mutex_timedlock(ebbrt_gthread_mutex_t *mutex,
                                  const struct timespec *until);
int ebbrt_gthread_mutex_unlock(ebbrt_gthread_mutex_t *mutex);
int ebbrt_gthread_mutex_destroy(ebbrt_gthread_mutex_t *mutex);

int ebbrt_gthread_recursive_mutex_lock(ebbrt_gthread_mutex_t *mutex);
int ebbrt_gthread_recursive_mutex_trylock(ebbrt_gthread_mutex_t *mutex);
int ebbrt_gthread_recursive_mutex_timedlock(ebbrt_gthread_mutex_t *mutex,
                                            const struct timespec *until);
int ebbrt_gthread_recursive_mutex_unlock(ebbrt_gthread_mutex_t *mutex);
int ebbrt_gthread_recursive_mutex_destroy(ebbrt_gthread_mutex_t *mutex);

/* The mutex is held once by the caller. timedwait returns ETIMEDOUT, with the
 * mutex held again; the time is absolute, on CLOCK_REALTIME. A wait may end
 * without a signal. */
int ebbrt_gthread_cond_wait(ebbrt_gthread_cond_t *cond,
                            ebbrt_gthread_mutex_t *mutex);
int ebbrt_gthread_cond_timedwait(ebbrt_gthread_cond_t *cond,
                                 ebbrt_gthread_mutex_t *mutex,
                                 const struct timespec *until);
int ebbrt_gthread_cond_signal(ebbrt_gthread_cond_t *cond);
int ebbrt_gthread_cond_broadcast(ebbrt_gthread_cond_t *cond);
int ebbrt_gthread_cond_destroy(ebbrt_gthread_cond_t *cond);

/* Starts `function(argument)` in a context of its own. It must be joined or
 * detached once. EAGAIN when there is no memory for it. */
int ebbrt_gthread_create(ebbrt_gthread_t *thread, void *(*function)(void *),
                         void *argument);
int ebbrt_gthread_join(ebbrt_gthread_t thread, void **result);
int ebbrt_gthread_detach(ebbrt_gthread_t thread);
/* Never null, and the same during the whole life of the calling context. */
ebbrt_gthread_t ebbrt_gthread_self(void);
int ebbrt_gthread_equal(ebbrt_gthread_t a, ebbrt_gthread_t b);
int ebbrt_gthread_yield(void);

#ifdef __cplusplus
}
#endif

#endif
