/* GCC's thread interface on the primitives of <sys/gthread.h>. Built into the C++
 * library, and installed by it as <bits/gthr-default.h>, in the same way as GCC's
 * own thread models. */
#ifndef _GLIBCXX_GCC_GTHR_EBBRT_H
#define _GLIBCXX_GCC_GTHR_EBBRT_H

#define __GTHREADS 1
#define __GTHREADS_CXX0X 1
#define __GTHREAD_HAS_COND 1
#define _GTHREAD_USE_MUTEX_TIMEDLOCK 1

#include <errno.h>
#include <sys/gthread.h>
#include <time.h>

typedef ebbrt_gthread_key_t __gthread_key_t;
typedef ebbrt_gthread_once_t __gthread_once_t;
typedef ebbrt_gthread_mutex_t __gthread_mutex_t;
typedef ebbrt_gthread_mutex_t __gthread_recursive_mutex_t;
typedef ebbrt_gthread_cond_t __gthread_cond_t;
typedef ebbrt_gthread_t __gthread_t;
typedef struct timespec __gthread_time_t;

#define __GTHREAD_ONCE_INIT EBBRT_GTHREAD_ONCE_INIT
#define __GTHREAD_MUTEX_INIT EBBRT_GTHREAD_MUTEX_INIT
#define __GTHREAD_RECURSIVE_MUTEX_INIT EBBRT_GTHREAD_MUTEX_INIT
#define __GTHREAD_COND_INIT EBBRT_GTHREAD_COND_INIT
#define __GTHREAD_TIME_INIT {0, 0}

#define __EBBRT_GTHREAD_INLINE \
  static inline __attribute__((__always_inline__, __unused__))

/* A constant, so that reference counts are atomic without a call to ask. */
__EBBRT_GTHREAD_INLINE int __gthread_active_p(void) { return 1; }

__EBBRT_GTHREAD_INLINE int __gthread_once(__gthread_once_t *__once,
                                          void (*__function)(void)) {
  return ebbrt_gthread_once(__once, __function);
}

__EBBRT_GTHREAD_INLINE int __gthread_key_create(__gthread_key_t *__key,
                                                void (*__destroy)(void *)) {
  return ebbrt_gthread_key_create(__key, __destroy);
}

__EBBRT_GTHREAD_INLINE int __gthread_key_delete(__gthread_key_t __key) {
  return ebbrt_gthread_key_delete(__key);
}

__EBBRT_GTHREAD_INLINE void *__gthread_getspecific(__gthread_key_t __key) {
  return ebbrt_gthread_getspecific(__key);
}

__EBBRT_GTHREAD_INLINE int __gthread_setspecific(__gthread_key_t __key,
                                                 const void *__value) {
  return ebbrt_gthread_setspecific(__key, __value);
}

__EBBRT_GTHREAD_INLINE int __gthread_mutex_lock(__gthread_mutex_t *__mutex) {
  return ebbrt_gthread_mutex_lock(__mutex);
}

__EBBRT_GTHREAD_INLINE int __gthread_mutex_trylock(__gthread_mutex_t *__mutex) {
  return ebbrt_gthread_mutex_trylock(__mutex);
}

__EBBRT_GTHREAD_INLINE int __gthread_mutex_timedlock(
    __gthread_mutex_t *__mutex, const __gthread_time_t *__until) {
  return ebbrt_gthread_mutex_timedlock(__mutex, __until);
}

__EBBRT_GTHREAD_INLINE int __gthread_mutex_unlock(__gthread_mutex_t *__mutex) {
  return ebbrt_gthread_mutex_unlock(__mutex);
}

__EBBRT_GTHREAD_INLINE int __gthread_mutex_destroy(__gthread_mutex_t *__mutex) {
  return ebbrt_gthread_mutex_destroy(__mutex);
}

__EBBRT_GTHREAD_INLINE int __gthread_recursive_mutex_lock(
    __gthread_recursive_mutex_t *__mutex) {
  return ebbrt_gthread_recursive_mutex_lock(__mutex);
}

__EBBRT_GTHREAD_INLINE int __gthread_recursive_mutex_trylock(
    __gthread_recursive_mutex_t *__mutex) {
  return ebbrt_gthread_recursive_mutex_trylock(__mutex);
}

__EBBRT_GTHREAD_INLINE int __gthread_recursive_mutex_timedlock(
    __gthread_recursive_mutex_t *__mutex, const __gthread_time_t *__until) {
  return ebbrt_gthread_recursive_mutex_timedlock(__mutex, __until);
}

__EBBRT_GTHREAD_INLINE int __gthread_recursive_mutex_unlock(
    __gthread_recursive_mutex_t *__mutex) {
  return ebbrt_gthread_recursive_mutex_unlock(__mutex);
}

__EBBRT_GTHREAD_INLINE int __gthread_recursive_mutex_destroy(
    __gthread_recursive_mutex_t *__mutex) {
  return ebbrt_gthread_recursive_mutex_destroy(__mutex);
}

__EBBRT_GTHREAD_INLINE int __gthread_cond_wait(__gthread_cond_t *__cond,
                                               __gthread_mutex_t *__mutex) {
  return ebbrt_gthread_cond_wait(__cond, __mutex);
}

__EBBRT_GTHREAD_INLINE int __gthread_cond_wait_recursive(
    __gthread_cond_t *__cond, __gthread_recursive_mutex_t *__mutex) {
  return ebbrt_gthread_cond_wait(__cond, __mutex);
}

__EBBRT_GTHREAD_INLINE int __gthread_cond_timedwait(
    __gthread_cond_t *__cond, __gthread_mutex_t *__mutex,
    const __gthread_time_t *__until) {
  return ebbrt_gthread_cond_timedwait(__cond, __mutex, __until);
}

__EBBRT_GTHREAD_INLINE int __gthread_cond_signal(__gthread_cond_t *__cond) {
  return ebbrt_gthread_cond_signal(__cond);
}

__EBBRT_GTHREAD_INLINE int __gthread_cond_broadcast(__gthread_cond_t *__cond) {
  return ebbrt_gthread_cond_broadcast(__cond);
}

__EBBRT_GTHREAD_INLINE int __gthread_cond_destroy(__gthread_cond_t *__cond) {
  return ebbrt_gthread_cond_destroy(__cond);
}

__EBBRT_GTHREAD_INLINE int __gthread_create(__gthread_t *__id,
                                            void *(*__function)(void *),
                                            void *__argument) {
  return ebbrt_gthread_create(__id, __function, __argument);
}

__EBBRT_GTHREAD_INLINE int __gthread_join(__gthread_t __id,
                                          void **__result) {
  return ebbrt_gthread_join(__id, __result);
}

__EBBRT_GTHREAD_INLINE int __gthread_detach(__gthread_t __id) {
  return ebbrt_gthread_detach(__id);
}

__EBBRT_GTHREAD_INLINE int __gthread_equal(__gthread_t __a, __gthread_t __b) {
  return ebbrt_gthread_equal(__a, __b);
}

__EBBRT_GTHREAD_INLINE __gthread_t __gthread_self(void) {
  return ebbrt_gthread_self();
}

__EBBRT_GTHREAD_INLINE int __gthread_yield(void) {
  return ebbrt_gthread_yield();
}

#endif
