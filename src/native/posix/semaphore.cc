// POSIX's unnamed semaphores, a mutex and a condition each.

#include <semaphore.h>

#include <cerrno>

namespace {

/// Waits for `step`, which gives 0 or an error; 0, or -1 with errno set.
template <typename Step>
int WaitFor(sem_t* semaphore, Step step) {
  pthread_mutex_lock(&semaphore->mutex);
  int error = 0;
  while (semaphore->value == 0 && error == 0) error = step();
  if (semaphore->value > 0) {
    --semaphore->value;
    error = 0;
  }
  pthread_mutex_unlock(&semaphore->mutex);
  if (error == 0) return 0;
  errno = error;
  return -1;
}

}  // namespace

extern "C" {

int sem_init(sem_t* semaphore, int, unsigned value) {
  semaphore->value = value;
  pthread_mutex_init(&semaphore->mutex, nullptr);
  return pthread_cond_init(&semaphore->raised, nullptr);
}

int sem_destroy(sem_t* semaphore) {
  pthread_cond_destroy(&semaphore->raised);
  return pthread_mutex_destroy(&semaphore->mutex);
}

int sem_post(sem_t* semaphore) {
  pthread_mutex_lock(&semaphore->mutex);
  ++semaphore->value;
  pthread_cond_signal(&semaphore->raised);
  return pthread_mutex_unlock(&semaphore->mutex);
}

int sem_wait(sem_t* semaphore) {
  return WaitFor(semaphore, [&] {
    return pthread_cond_wait(&semaphore->raised, &semaphore->mutex);
  });
}

int sem_trywait(sem_t* semaphore) {
  return WaitFor(semaphore, [] { return EAGAIN; });
}

int sem_timedwait(sem_t* semaphore, const timespec* until) {
  return WaitFor(semaphore, [&] {
    return pthread_cond_timedwait(&semaphore->raised, &semaphore->mutex, until);
  });
}

}  // extern "C"
