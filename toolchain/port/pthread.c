// The POSIX thread functions that portable libraries use, on the primitives of
// <sys/gthread.h>. What cannot be given (cancellation, priorities, signals to a
// thread, pthread_exit) is not defined, so that its use fails at link time.
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/gthread.h>

int pthread_mutexattr_init(pthread_mutexattr_t *attr) {
  attr->type = PTHREAD_MUTEX_DEFAULT;
  return 0;
}

int pthread_mutexattr_destroy(pthread_mutexattr_t *attr) {
  (void)attr;
  return 0;
}

int pthread_mutexattr_gettype(const pthread_mutexattr_t *attr, int *type) {
  *type = attr->type;
  return 0;
}

int pthread_mutexattr_settype(pthread_mutexattr_t *attr, int type) {
  if (type < PTHREAD_MUTEX_NORMAL || type > PTHREAD_MUTEX_ERRORCHECK)
    return EINVAL;
  attr->type = type;
  return 0;
}

int pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *attr) {
  memset(mutex, 0, sizeof(*mutex));
  if (attr) mutex->type = attr->type;
  return 0;
}

int pthread_mutex_destroy(pthread_mutex_t *mutex) {
  return ebbrt_gthread_mutex_destroy(&mutex->mutex);
}

int pthread_mutex_lock(pthread_mutex_t *mutex) {
  if (mutex->type == PTHREAD_MUTEX_RECURSIVE)
    return ebbrt_gthread_recursive_mutex_lock(&mutex->mutex);
  return ebbrt_gthread_mutex_lock(&mutex->mutex);
}

int pthread_mutex_trylock(pthread_mutex_t *mutex) {
  if (mutex->type == PTHREAD_MUTEX_RECURSIVE)
    return ebbrt_gthread_recursive_mutex_trylock(&mutex->mutex);
  return ebbrt_gthread_mutex_trylock(&mutex->mutex);
}

int pthread_mutex_timedlock(pthread_mutex_t *mutex,
                            const struct timespec *until) {
  if (mutex->type == PTHREAD_MUTEX_RECURSIVE)
    return ebbrt_gthread_recursive_mutex_timedlock(&mutex->mutex, until);
  return ebbrt_gthread_mutex_timedlock(&mutex->mutex, until);
}

int pthread_mutex_unlock(pthread_mutex_t *mutex) {
  if (mutex->type == PTHREAD_MUTEX_RECURSIVE)
    return ebbrt_gthread_recursive_mutex_unlock(&mutex->mutex);
  return ebbrt_gthread_mutex_unlock(&mutex->mutex);
}

int pthread_condattr_init(pthread_condattr_t *attr) {
  attr->clock = CLOCK_REALTIME;
  return 0;
}

int pthread_condattr_destroy(pthread_condattr_t *attr) {
  (void)attr;
  return 0;
}

int pthread_condattr_getclock(const pthread_condattr_t *attr,
                              clockid_t *clock) {
  *clock = attr->clock;
  return 0;
}

int pthread_condattr_setclock(pthread_condattr_t *attr, clockid_t clock) {
  if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) return EINVAL;
  attr->clock = clock;
  return 0;
}

int pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *attr) {
  memset(cond, 0, sizeof(*cond));
  if (attr) cond->clock = attr->clock;
  return 0;
}

int pthread_cond_destroy(pthread_cond_t *cond) {
  return ebbrt_gthread_cond_destroy(&cond->cond);
}

int pthread_cond_signal(pthread_cond_t *cond) {
  return ebbrt_gthread_cond_signal(&cond->cond);
}

int pthread_cond_broadcast(pthread_cond_t *cond) {
  return ebbrt_gthread_cond_broadcast(&cond->cond);
}

int pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex) {
  return ebbrt_gthread_cond_wait(&cond->cond, &mutex->mutex);
}

// The primitive knows the real-time clock only: moves a time of the monotonic
// clock over.
static struct timespec to_real_time(const struct timespec *until) {
  struct timespec real, monotonic;
  clock_gettime(CLOCK_REALTIME, &real);
  clock_gettime(CLOCK_MONOTONIC, &monotonic);
  real.tv_sec += until->tv_sec - monotonic.tv_sec;
  real.tv_nsec += until->tv_nsec - monotonic.tv_nsec;
  const long second = 1000000000;
  while (real.tv_nsec < 0) {
    real.tv_nsec += second;
    --real.tv_sec;
  }
  while (real.tv_nsec >= second) {
    real.tv_nsec -= second;
    ++real.tv_sec;
  }
  return real;
}

int pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
                           const struct timespec *until) {
  if (cond->clock != CLOCK_MONOTONIC)
    return ebbrt_gthread_cond_timedwait(&cond->cond, &mutex->mutex, until);
  struct timespec real = to_real_time(until);
  return ebbrt_gthread_cond_timedwait(&cond->cond, &mutex->mutex, &real);
}

int pthread_once(pthread_once_t *once, void (*function)(void)) {
  return ebbrt_gthread_once(once, function);
}

int pthread_key_create(pthread_key_t *key, void (*destructor)(void *)) {
  return ebbrt_gthread_key_create(key, destructor);
}

int pthread_key_delete(pthread_key_t key) {
  return ebbrt_gthread_key_delete(key);
}

void *pthread_getspecific(pthread_key_t key) {
  return ebbrt_gthread_getspecific(key);
}

int pthread_setspecific(pthread_key_t key, const void *value) {
  return ebbrt_gthread_setspecific(key, value);
}

int pthread_attr_init(pthread_attr_t *attr) {
  memset(attr, 0, sizeof(*attr));
  attr->detachstate = PTHREAD_CREATE_JOINABLE;
  return 0;
}

int pthread_attr_destroy(pthread_attr_t *attr) {
  (void)attr;
  return 0;
}

int pthread_attr_setdetachstate(pthread_attr_t *attr, int state) {
  if (state != PTHREAD_CREATE_JOINABLE && state != PTHREAD_CREATE_DETACHED)
    return EINVAL;
  attr->detachstate = state;
  return 0;
}

int pthread_attr_getdetachstate(const pthread_attr_t *attr, int *state) {
  *state = attr->detachstate;
  return 0;
}

int pthread_attr_setstacksize(pthread_attr_t *attr, size_t size) {
  if (size < PTHREAD_STACK_MIN) return EINVAL;
  attr->stacksize = size;
  return 0;
}

int pthread_attr_getstacksize(const pthread_attr_t *attr, size_t *size) {
  *size = attr->stacksize;
  return 0;
}

int pthread_create(pthread_t *thread, const pthread_attr_t *attr,
                   void *(*function)(void *), void *argument) {
  int error = ebbrt_gthread_create(thread, function, argument);
  if (!error && attr && attr->detachstate == PTHREAD_CREATE_DETACHED)
    ebbrt_gthread_detach(*thread);
  return error;
}

int pthread_join(pthread_t thread, void **result) {
  return ebbrt_gthread_join(thread, result);
}

int pthread_detach(pthread_t thread) { return ebbrt_gthread_detach(thread); }

pthread_t pthread_self(void) { return ebbrt_gthread_self(); }

int pthread_equal(pthread_t a, pthread_t b) {
  return ebbrt_gthread_equal(a, b);
}

// Contexts are never cancelled: the state can be set to anything.
int pthread_setcancelstate(int state, int *old) {
  (void)state;
  if (old) *old = PTHREAD_CANCEL_DISABLE;
  return 0;
}
