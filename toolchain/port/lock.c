// newlib's locks: its nine static ones and those it makes for every FILE, on the
// mutexes of <sys/gthread.h>.
#include <stdlib.h>
#include <sys/gthread.h>
#include <sys/lock.h>

struct __lock {
  ebbrt_gthread_mutex_t mutex;
};

struct __lock __lock___sinit_recursive_mutex;
struct __lock __lock___sfp_recursive_mutex;
struct __lock __lock___atexit_recursive_mutex;
struct __lock __lock___at_quick_exit_mutex;
struct __lock __lock___malloc_recursive_mutex;
struct __lock __lock___env_recursive_mutex;
struct __lock __lock___tz_mutex;
struct __lock __lock___dd_hash_mutex;
struct __lock __lock___arc4random_mutex;

// newlib cannot hear of a failure here, and a stream without its lock would be
// corrupted later.
void __retarget_lock_init(_LOCK_T *lock) {
  *lock = calloc(1, sizeof(struct __lock));
  if (!*lock) abort();
}

void __retarget_lock_init_recursive(_LOCK_T *lock) {
  __retarget_lock_init(lock);
}

void __retarget_lock_close(_LOCK_T lock) {
  ebbrt_gthread_mutex_destroy(&lock->mutex);
  free(lock);
}

void __retarget_lock_close_recursive(_LOCK_T lock) {
  ebbrt_gthread_recursive_mutex_destroy(&lock->mutex);
  free(lock);
}

void __retarget_lock_acquire(_LOCK_T lock) {
  ebbrt_gthread_mutex_lock(&lock->mutex);
}

void __retarget_lock_acquire_recursive(_LOCK_T lock) {
  ebbrt_gthread_recursive_mutex_lock(&lock->mutex);
}

int __retarget_lock_try_acquire(_LOCK_T lock) {
  return ebbrt_gthread_mutex_trylock(&lock->mutex) == 0;
}

int __retarget_lock_try_acquire_recursive(_LOCK_T lock) {
  return ebbrt_gthread_recursive_mutex_trylock(&lock->mutex) == 0;
}

void __retarget_lock_release(_LOCK_T lock) {
  ebbrt_gthread_mutex_unlock(&lock->mutex);
}

void __retarget_lock_release_recursive(_LOCK_T lock) {
  ebbrt_gthread_recursive_mutex_unlock(&lock->mutex);
}
