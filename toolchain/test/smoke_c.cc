// The C library: formatted input and output, long double, mathematics, jumps, time.
#include <fenv.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#include <cerrno>
#include <cmath>
#include <complex>
#include <limits>

#include "smoke.h"

static bool Prints(const char* expected, const char* format, ...) {
  char text[200];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof(text), format, arguments);
  va_end(arguments);
  if (strcmp(text, expected) == 0) return true;
  printf("got '%s', expected '%s'\n", text, expected);
  return false;
}

SMOKE(Printf) {
  return Prints("-9223372036854775808 ff 18446744073709551615 3",
                "%lld %hhx %zu %jd", -9223372036854775807LL - 1, 0x1ff,
                static_cast<size_t>(-1), static_cast<intmax_t>(3)) &&
         Prints("3.1415926536 1e+100 0x1.8p+1", "%.10f %g %a", 3.14159265358979,
                1e100, 3.0);
}

SMOKE(PrintfPositional) {
  return Prints("two 1 3.5", "%2$s %1$d %3$.1f", 1, "two", 3.5);
}

SMOKE(PrintfLongDouble) {
  return Prints("1.000000000000000000108", "%.21Lf",
                1.0L + std::numeric_limits<long double>::epsilon());
}

SMOKE(ScanfPositional) {
  int a = 0, b = 0;
  return sscanf("5 6", "%2$d %1$d", &a, &b) == 2 && a == 6 && b == 5;
}

SMOKE(Strtold) {
  long double value = strtold("1.1", nullptr);
  return value != static_cast<double>(value) && value == 1.1L;
}

SMOKE(WideText) {
  wchar_t text[20];
  swprintf(text, 20, L"%2$ls %1$d", 7, L"seven");
  return wcscmp(text, L"seven 7") == 0;
}

SMOKE(LongDoubleMathematics) {
  volatile long double two = 2;
  long double root = sqrtl(two);
  return fabsl(root * root - 2) < 1e-18L && fabsl(expl(logl(two)) - 2) < 1e-18L &&
         fabsl(powl(two, 0.5L) - root) < 1e-18L &&
         fabsl(std::tgamma(two + 3) - 24) < 1e-16L;
}

SMOKE(Mathematics) {
  volatile double one = 1;
  return std::hypot(3 * one, 4 * one) == 5 && std::trunc(one * 2.7) == 2 &&
         std::fabs(std::log1p(one) - 0.6931471805599453) < 1e-15 &&
         std::fma(one, 2.0, 3.0) == 5 && std::ilogb(one * 0) == FP_ILOGB0 &&
         std::fpclassify(one / 0.0) == FP_INFINITE && std::isnan(std::sqrt(-one));
}

SMOKE(Complex) {
  std::complex<long double> i(0, 1);
  auto value = std::exp(i * std::acos(-1.0L));
  return std::abs(value + 1.0L) < 1e-18L &&
         std::abs(std::sqrt(std::complex<double>(-1)) -
                  std::complex<double>(0, 1)) < 1e-15;
}

SMOKE(Rounding) {
  volatile double one = 1, three = 3;
  fesetround(FE_UPWARD);
  volatile double up = one / three;
  volatile long double up_long = static_cast<long double>(one) / three;
  fesetround(FE_DOWNWARD);
  volatile double down = one / three;
  volatile long double down_long = static_cast<long double>(one) / three;
  fesetround(FE_TONEAREST);
  return up > down && up_long > down_long && fegetround() == FE_TONEAREST;
}

SMOKE(FloatingPointFlags) {
  feclearexcept(FE_ALL_EXCEPT);
  volatile double zero = 0, result = 1 / zero;
  (void)result;
  return fetestexcept(FE_ALL_EXCEPT) == FE_DIVBYZERO;
}

SMOKE(Jump) {
  static jmp_buf buffer;
  volatile int times = 0;
  if (int value = setjmp(buffer)) return value == 7 && times == 1;
  ++times;
  longjmp(buffer, 7);
}

SMOKE(Time) {
  time_t second = 1000000000;
  struct tm parts;
  gmtime_r(&second, &parts);
  char text[40];
  strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  return strcmp(text, "2001-09-09T01:46:40") == 0 && CLOCKS_PER_SEC == 1000000;
}

SMOKE(MissingSystemCall) {
  errno = 0;
  return access("/nothing", F_OK) == -1 && errno == ENOSYS;
}

SMOKE(AlignedMemory) {
  void* memory = nullptr;
  return posix_memalign(&memory, 4096, 100) == 0 &&
         reinterpret_cast<uintptr_t>(memory) % 4096 == 0 &&
         reinterpret_cast<uintptr_t>(malloc(1)) % 16 == 0;
}

SMOKE(PosixThreads) {
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  pthread_mutex_t recursive;
  pthread_mutex_init(&recursive, &attributes);
  pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
  bool ok = !pthread_mutex_lock(&recursive) && !pthread_mutex_lock(&recursive) &&
            !pthread_mutex_unlock(&recursive) &&
            !pthread_mutex_unlock(&recursive) && !pthread_rwlock_rdlock(&lock) &&
            !pthread_rwlock_rdlock(&lock) &&
            pthread_rwlock_trywrlock(&lock) == EBUSY &&
            !pthread_rwlock_unlock(&lock) && !pthread_rwlock_unlock(&lock) &&
            !pthread_rwlock_wrlock(&lock) &&
            pthread_rwlock_tryrdlock(&lock) == EBUSY &&
            !pthread_rwlock_unlock(&lock);
  pthread_t thread;
  auto identity = [](void* argument) { return argument; };
  void* result = nullptr;
  return ok && !pthread_create(&thread, nullptr, identity, &lock) &&
         !pthread_join(thread, &result) && result == &lock;
}
