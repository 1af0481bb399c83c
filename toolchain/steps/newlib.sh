# The C library: newlib with locks, reentrancy structures and system calls that
# the library OS supplies. Its mathematics is replaced by step libm.
step_needs=(driver)
step_inputs=(include)
step_packages=(newlib-source)

step_run() {
  mkdir newlib build
  tar -xf /usr/src/newlib/newlib-*.tar.xz -C newlib --strip-components=1
  adapt_newlib newlib/newlib
  cd build
  local cflags="$TARGET_CFLAGS -DMISSING_SYSCALL_NAMES -DREENTRANT_SYSCALLS_PROVIDED
    -DGETREENT_PROVIDED -DMALLOC_PROVIDED -DHAVE_NANOSLEEP -DHAVE_FCNTL -DHAVE_BLKSIZE -DNO_EXEC
    -D_NO_GETLOGIN -D_NO_GETPWENT -D_NO_GETUT -D_NO_GETPASS -D_NO_SIGSET
    -D_NO_WORDEXP -D_NO_POPEN -D_NO_POSIX_SPAWN"
  ../newlib/configure --target=$TRIPLET --prefix="$OUT" \
    --disable-multilib --disable-libgloss --disable-nls \
    --disable-newlib-supplied-syscalls \
    --enable-newlib-retargetable-locking --enable-newlib-global-stdio-streams \
    --enable-newlib-mb --enable-newlib-io-long-long \
    --enable-newlib-io-c99-formats --enable-newlib-io-long-double \
    --enable-newlib-io-pos-args \
    CC=gcc-12 CXX=g++-12 \
    CC_FOR_TARGET=$TRIPLET-gcc AR_FOR_TARGET=$TRIPLET-ar \
    RANLIB_FOR_TARGET=$TRIPLET-ranlib AS_FOR_TARGET=$TRIPLET-as \
    CFLAGS_FOR_TARGET="$(echo $cflags)"
  make -j"$JOBS" all-target-newlib
  make install-target-newlib
  mv "$OUT/$TRIPLET/include" "$OUT/$TRIPLET/lib" "$OUT/"
  rm -rf "$OUT/$TRIPLET" "$OUT/share" "$OUT/lib/libg.a"
  remove_replaced_objects
  # Not before: newlib's own floating-point environment, which is built above and
  # thrown away, has another layout than musl's.
  cp "$TOOLCHAIN_DIR/include/sys/fenv.h" "$OUT/include/sys/fenv.h"
}

# The changes to newlib's source. Each says why it is needed.
adapt_newlib() {
  local newlib="$1" file
  # Headers of ours, over newlib's generic ones.
  cp "$TOOLCHAIN_DIR"/include/*.h "$newlib/libc/include/"
  cp "$TOOLCHAIN_DIR"/include/machine/*.h "$newlib/libc/include/machine/"
  cp "$TOOLCHAIN_DIR"/include/sys/*.h "$newlib/libc/include/sys/"
  # Directory streams and regular expressions.
  replace "$newlib/configure.host" '  x86_64)
	machine_dir=x86_64' '  x86_64)
	posix_dir=posix
	machine_dir=x86_64'
  # errno and stdio state live in a structure per context, found by a call; reads
  # and writes count in size_t; exit handlers are the program's, not a context's.
  replace "$newlib/libc/include/sys/config.h" '/* exceptions first */' '
#ifdef __ebbrt__
#define __DYNAMIC_REENT__
#define _REENT_GLOBAL_ATEXIT
#define _READ_WRITE_RETURN_TYPE _ssize_t
#define _READ_WRITE_BUFSIZE_TYPE __SIZE_TYPE__
#define MALLOC_ALIGNMENT 16
#define __TM_GMTOFF tm_gmtoff
#define __TM_ZONE tm_zone
#endif'
  # Which parts of POSIX the headers declare.
  replace "$newlib/libc/include/sys/features.h" '#ifdef __XMK__' '#ifdef __ebbrt__
#define _POSIX_THREADS 200809L
#define _POSIX_THREAD_SAFE_FUNCTIONS 200809L
#define _POSIX_READER_WRITER_LOCKS 200809L
#define _POSIX_TIMEOUTS 200809L
#define _POSIX_TIMERS 200809L
#define _POSIX_MONOTONIC_CLOCK 200809L
#define _POSIX_CLOCK_SELECTION 200809L
#define _POSIX_REALTIME_SIGNALS 200809L
#define _UNIX98_THREAD_MUTEX_ATTRIBUTES 1
#endif
#ifdef __XMK__'
  # Functions that the library OS has, hidden by default.
  sed -i 's/defined (__SPU__) || defined(__rtems__)/& || defined(__ebbrt__)/
    s/^#if defined(__CYGWIN__)$/& || defined(__ebbrt__)/' \
    "$newlib/libc/include/sys/stat.h"
  # Handlers with three arguments, which portable code installs.
  replace "$newlib/libc/include/sys/signal.h" '#if defined(__rtems__)

/*  3.3.8' '#if defined(__rtems__) || defined(__ebbrt__)

#define SA_RESTART 0x8
#define SA_NODEFER 0x10
#define SA_RESETHAND 0x20

/*  3.3.8'
  # clock() counts in microseconds, as POSIX wants.
  replace "$newlib/libc/include/machine/time.h" 'defined(__rtems__)' \
    'defined(__rtems__) || defined(__ebbrt__)'
  cat >>"$newlib/libc/include/limits.h" <<'END'

#ifndef SSIZE_MAX
#define SSIZE_MAX __LONG_MAX__
#endif
#ifndef NAME_MAX
#define NAME_MAX 255
#endif
END
  # Contexts are never cancelled, so stdio need not guard against it.
  for file in local.h vfscanf.c vfwscanf.c; do
    if grep -q 'defined *(_POSIX_THREADS)' "$newlib/libc/stdio/$file"; then
      sed -i 's/defined *(_POSIX_THREADS)/& \&\& !defined(__ebbrt__)/' \
        "$newlib/libc/stdio/$file"
    fi
  done
  # The library OS owns the heap: the reentrant names are the plain ones.
  sed -i 's/^#ifdef __CYGWIN__$/#if defined(__CYGWIN__) || defined(__ebbrt__)/' \
    "$newlib/libc/include/malloc.h"
  sed -i '/define _[a-z_]*_r(.*;$/s/;$//' "$newlib/libc/include/malloc.h"
  adapt_mathematics "$newlib/libc/include"
  # %2$s: a va_list parameter is a pointer on x86-64, and its own address is not
  # that of a va_list. The pointer itself is.
  for file in vfprintf vfwprintf; do
    replace "$newlib/libc/stdio/$file.c" 'fmt_anchor, &ap,' \
      'fmt_anchor, (va_list *) ap,'
  done
  for file in vfscanf vfwscanf; do
    replace "$newlib/libc/stdio/$file.c" 'get_arg (n, &ap,' \
      'get_arg (n, (va_list *) ap,'
  done
}

# musl's libm has every function in every precision; newlib's headers hide what
# its own lacks.
adapt_mathematics() {
  local include="$1"
  sed -i -E 's/^#if defined ?\(_LDBL_EQ_DBL\) \|\| defined ?\(__CYGWIN__\)/& || defined(__ebbrt__)/
    s/^#if(def __CYGWIN__| defined\(__CYGWIN__\)$)/#if defined(__CYGWIN__) || defined(__ebbrt__)/' \
    "$include/math.h" "$include/tgmath.h" "$include/complex.h"
  # They would name functions that musl has under other types or not at all.
  replace "$include/math.h" 'extern float dreml (long double, long double);' ''
  replace "$include/math.h" 'extern float exp10l (float);' \
    'extern long double exp10l (long double);'
  replace "$include/math.h" 'extern float pow10l (float);' \
    'extern long double pow10l (long double);'
  replace "$include/math.h" '# define math_errhandling MATH_ERRNO' \
    '# define math_errhandling MATH_ERREXCEPT'
  sed -i 's/^# define FP_ILOGB0 .*/# define FP_ILOGB0 (-1 - __INT_MAX__)/
    s/^# define FP_ILOGBNAN .*/# define FP_ILOGBNAN (-1 - __INT_MAX__)/' \
    "$include/math.h"
  replace "$include/math.h" '#define signgam (*__signgam())
extern int *__signgam (void);' 'extern int signgam;'
}

# The heap is the library OS's, mathematics and the copying of memory come from step
# libm, there are no processes to start, and step port has the locks and the system
# calls: newlib's own locks lock nothing.
remove_replaced_objects() {
  local heap mathematics processes port='lock|rename' memory='memcpy|memmove|memset'
  heap='malloc|mallocr|calloc|callocr|realloc|reallocr|reallocf|free|freer|cfreer'
  heap+='|malign|malignr|aligned_alloc|posix_memalign|msize|msizer|mstats|mstatsr'
  heap+='|mtrim|mtrimr|mallinfor|mallstatsr|malloptr|valloc|vallocr|pvallocr|mlock'
  mathematics='sf?_(nan|ldexp|frexp|modf|scalbn|finite|copysign)'
  processes='exec(l|le|lp|v|ve|vp)|popen|posix_spawn|wordexp|wordfree'
  $TRIPLET-ar t "$OUT/lib/libc.a" |
    grep -Ex "lib_a-($heap|$mathematics|$memory|$processes|$port)\\.o" |
    xargs $TRIPLET-ar d "$OUT/lib/libc.a"
  rm "$OUT/lib/libm.a"
}
