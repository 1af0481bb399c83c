// POSIX's unnamed semaphores for V8: they block the context that waits.
#pragma once

#include <errno.h>
#include <pthread.h>
#include <time.h>

struct sem_t {
  pthread_mutex_t mutex;
  pthread_cond_t raised;
  unsigned value;
};

inline int sem_init(sem_t* semaphore, int, unsigned value) {
  semaphore->value = value;
  pthread_mutex_init(&semaphore->mutex, nullptr);
  return pthread_cond_init(&semaphore->raised, nullptr);
}

inline int sem_destroy(sem_t* semaphore) {
  pthread_cond_destroy(&semaphore->raised);
  return pthread_mutex_destroy(&semaphore->mutex);
}

inline int sem_post(sem_t* semaphore) {
  pthread_mutex_lock(&semaphore->mutex);
  ++semaphore->value;
  pthread_cond_signal(&semaphore->raised);
  return pthread_mutex_unlock(&semaphore->mutex);
}

inline int sem_wait(sem_t* semaphore) {
  pthread_mutex_lock(&semaphore->mutex);
  while (semaphore->value == 0) {
    pthread_cond_wait(&semaphore->raised, &semaphore->mutex);
  }
  --semaphore->value;
  return pthread_mutex_unlock(&semaphore->mutex);
}

/// `until` is a time of CLOCK_REALTIME. -1, with errno ETIMEDOUT, when it has
/// come.
inline int sem_timedwait(sem_t* semaphore, const timespec* until) {
  pthread_mutex_lock(&semaphore->mutex);
  int error = 0;
  while (semaphore->value == 0 && error == 0) {
    error =
        pthread_cond_timedwait(&semaphore->raised, &semaphore->mutex, until);
  }
  if (semaphore->value > 0) {
    --semaphore->value;
    error = 0;
  }
  pthread_mutex_unlock(&semaphore->mutex);
  if (error == 0) return 0;
  errno = error;
  return -1;
}
