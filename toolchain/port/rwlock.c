// POSIX reader and writer locks out of a mutex and a condition. A waiting writer
// holds new readers back.
#include <errno.h>
#include <pthread.h>
#include <string.h>

int pthread_rwlock_init(pthread_rwlock_t *lock,
                        const pthread_rwlockattr_t *attr) {
  (void)attr;
  memset(lock, 0, sizeof(*lock));
  return 0;
}

int pthread_rwlock_destroy(pthread_rwlock_t *lock) {
  if (lock->readers || lock->writing) return EBUSY;
  return 0;
}

static int readable(const pthread_rwlock_t *lock) {
  return !lock->writing && !lock->waiting_writers;
}

static int writable(const pthread_rwlock_t *lock) {
  return !lock->writing && !lock->readers;
}

// Waits until `free(lock)` holds or `until`, which may be null, has come.
static int wait_for(pthread_rwlock_t *lock,
                    int (*free)(const pthread_rwlock_t *),
                    const struct timespec *until) {
  int error = 0;
  while (!error && !free(lock)) {
    error = until ? ebbrt_gthread_cond_timedwait(&lock->changed, &lock->mutex,
                                                 until)
                  : ebbrt_gthread_cond_wait(&lock->changed, &lock->mutex);
  }
  return free(lock) ? 0 : error;
}

int pthread_rwlock_timedrdlock(pthread_rwlock_t *lock,
                               const struct timespec *until) {
  ebbrt_gthread_mutex_lock(&lock->mutex);
  int error = wait_for(lock, readable, until);
  if (!error) ++lock->readers;
  ebbrt_gthread_mutex_unlock(&lock->mutex);
  return error;
}

int pthread_rwlock_rdlock(pthread_rwlock_t *lock) {
  return pthread_rwlock_timedrdlock(lock, 0);
}

int pthread_rwlock_tryrdlock(pthread_rwlock_t *lock) {
  ebbrt_gthread_mutex_lock(&lock->mutex);
  int error = readable(lock) ? 0 : EBUSY;
  if (!error) ++lock->readers;
  ebbrt_gthread_mutex_unlock(&lock->mutex);
  return error;
}

int pthread_rwlock_timedwrlock(pthread_rwlock_t *lock,
                               const struct timespec *until) {
  ebbrt_gthread_mutex_lock(&lock->mutex);
  ++lock->waiting_writers;
  int error = wait_for(lock, writable, until);
  --lock->waiting_writers;
  if (!error)
    lock->writing = 1;
  else
    ebbrt_gthread_cond_broadcast(&lock->changed);  // Readers held back by us.
  ebbrt_gthread_mutex_unlock(&lock->mutex);
  return error;
}

int pthread_rwlock_wrlock(pthread_rwlock_t *lock) {
  return pthread_rwlock_timedwrlock(lock, 0);
}

int pthread_rwlock_trywrlock(pthread_rwlock_t *lock) {
  ebbrt_gthread_mutex_lock(&lock->mutex);
  int error = writable(lock) ? 0 : EBUSY;
  if (!error) lock->writing = 1;
  ebbrt_gthread_mutex_unlock(&lock->mutex);
  return error;
}

int pthread_rwlock_unlock(pthread_rwlock_t *lock) {
  ebbrt_gthread_mutex_lock(&lock->mutex);
  if (lock->writing)
    lock->writing = 0;
  else
    --lock->readers;
  ebbrt_gthread_cond_broadcast(&lock->changed);
  ebbrt_gthread_mutex_unlock(&lock->mutex);
  return 0;
}
