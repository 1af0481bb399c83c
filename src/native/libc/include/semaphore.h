/* POSIX's unnamed semaphores: they block the context that waits. */
#ifndef _SEMAPHORE_H_
#define _SEMAPHORE_H_

#include <pthread.h>
#include <time.h>

typedef struct {
  pthread_mutex_t mutex;
  pthread_cond_t raised;
  unsigned value;
} sem_t;

#ifdef __cplusplus
extern "C" {
#endif

int sem_init(sem_t *semaphore, int shared, unsigned value);
int sem_destroy(sem_t *semaphore);
int sem_post(sem_t *semaphore);
int sem_wait(sem_t *semaphore);
int sem_trywait(sem_t *semaphore);
/* `until` is a time of CLOCK_REALTIME. */
int sem_timedwait(sem_t *semaphore, const struct timespec *until);

#ifdef __cplusplus
}
#endif

#endif
