// Time for the C library.

#include <sched.h>
#include <sys/time.h>
#include <sys/times.h>
#include <cerrno>
#include <ctime>
#include <new>

extern "C" {  // newlib's says nothing of C++
#include <sys/resource.h>
}

#include "common/event_manager.h"
#include "common/timer.h"
#include "native/libc/wait.h"
#include "native/time_source.h"

namespace {

using ebbrt::Clock;

constexpr int64_t kNanosecondsPerSecond = 1'000'000'000;
constexpr int64_t kNanosecondsPerMicrosecond = 1'000;

int64_t Now() { return Clock::now().time_since_epoch().count(); }

timespec ToTimespec(int64_t nanoseconds) {
  timespec result{};
  result.tv_sec = nanoseconds / kNanosecondsPerSecond;
  result.tv_nsec = static_cast<long>(nanoseconds % kNanosecondsPerSecond);
  return result;
}

int64_t ToNanoseconds(const timespec& time) {
  return time.tv_sec * kNanosecondsPerSecond + time.tv_nsec;
}

bool IsInterval(const timespec& time) {
  return time.tv_sec >= 0 && time.tv_nsec >= 0 &&
         time.tv_nsec < kNanosecondsPerSecond;
}

}  // namespace

ebbrt::Clock::time_point ebbrt::FromRealTime(const timespec& time) {
  return Clock::time_point(
      Clock::duration(ToNanoseconds(time) - WallClockOffset()));
}

extern "C" {

int clock_gettime(clockid_t clock, timespec* time) {
  switch (clock) {
    case CLOCK_MONOTONIC:
      *time = ToTimespec(Now());
      return 0;
    case CLOCK_REALTIME:
      *time = ToTimespec(Now() + ebbrt::WallClockOffset());
      return 0;
    default:
      errno = EINVAL;
      return -1;
  }
}

int gettimeofday(timeval* time, void*) {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  time->tv_sec = now.tv_sec;
  time->tv_usec = now.tv_nsec / kNanosecondsPerMicrosecond;
  return 0;
}

clock_t times(tms* result) {
  auto microseconds = static_cast<clock_t>(Now() / kNanosecondsPerMicrosecond);
  if (result != nullptr) *result = {microseconds, 0, 0, 0};
  return microseconds;
}

/// As times(): the machine's time is the program's.
int getrusage(int who, rusage* usage) {
  if (who != RUSAGE_SELF && who != RUSAGE_CHILDREN) {
    errno = EINVAL;
    return -1;
  }
  *usage = {};
  if (who == RUSAGE_SELF) {
    const int64_t now = Now();
    usage->ru_utime.tv_sec = now / kNanosecondsPerSecond;
    usage->ru_utime.tv_usec =
        now % kNanosecondsPerSecond / kNanosecondsPerMicrosecond;
  }
  return 0;
}

int nanosleep(const timespec* interval, timespec* remaining) {
  if (!IsInterval(*interval)) {
    errno = EINVAL;
    return -1;
  }
  try {
    ebbrt::event_manager->ReserveStack();
  } catch (const std::bad_alloc&) {
    errno = ENOMEM;
    return -1;
  }
  ebbrt::EventContext context;
  ebbrt::Timer timer;
  timer.Start(Clock::duration(ToNanoseconds(*interval)),
              [&] { ebbrt::EventManager::ActivateContext(context); });
  ebbrt::event_manager->SaveContext(context);
  if (remaining != nullptr) *remaining = {};
  return 0;
}

int sched_yield() { return ebbrt_gthread_yield(); }

}  // extern "C"
