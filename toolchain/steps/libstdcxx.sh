# The C++ library, hosted, with the thread model `ebbrt`. For size: what is hot of
# it is in its headers.
step_needs=(driver newlib libm libgcc)
step_inputs=(gthr-ebbrt.h)
step_packages=(gcc-12-source)

step_run() {
  tar -xf /usr/src/gcc-12/gcc-*.tar.xz --strip-components=1 --wildcards \
    --no-wildcards-match-slash --exclude='*/libstdc++-v3/testsuite/*/*' \
    --exclude='*/libstdc++-v3/doc/html' \
    '*/config.sub' '*/config.guess' '*/install-sh' '*/config.rpath' \
    '*/mkinstalldirs' '*/move-if-change' '*/missing' '*/config-ml.in' \
    '*/multilib.am' '*/ltmain.sh' '*/compile' '*/depcomp' '*/gcc/BASE-VER' \
    '*/gcc/DATESTAMP' '*/include' '*/config' '*/libgcc' '*/libiberty' \
    '*/libstdc++-v3'
  cp "$TOOLCHAIN_DIR/gthr-ebbrt.h" libgcc/
  adapt_configure libstdc++-v3/configure
  mkdir -p "build/$TRIPLET/libgcc" "build/$TRIPLET/libstdc++-v3"
  cp libgcc/gthr-ebbrt.h "build/$TRIPLET/libgcc/gthr-default.h"
  cd "build/$TRIPLET/libstdc++-v3"
  ../../../libstdc++-v3/configure --host=$TRIPLET --target=$TRIPLET \
    --prefix="$OUT" --with-gxx-include-dir="$OUT/include/c++/12" \
    --with-gcc-major-version-only --with-newlib --disable-shared \
    --disable-multilib --disable-nls --disable-libstdcxx-pch \
    --disable-libstdcxx-verbose --disable-libstdcxx-filesystem-ts \
    CC=$TRIPLET-gcc CXX="$TRIPLET-g++" AR=$TRIPLET-ar NM=$TRIPLET-nm \
    RANLIB=$TRIPLET-ranlib STRIP=$TRIPLET-strip LD=$TRIPLET-ld \
    CFLAGS="$TARGET_CFLAGS -Os" CXXFLAGS="$TARGET_CFLAGS -Os" \
    ac_cv_func_fcntl=no ac_cv_func_getexecname=no
  grep -q '^#define _GLIBCXX_HAS_GTHREADS 1' config.h ||
    { echo "libstdc++ did not take the thread model"; return 1; }
  make -j"$JOBS"
  make install
  find "$OUT" -name '*.la' -delete
  find "$OUT" -name '*-gdb.py' -delete
  rm -rf "$OUT/share"
}

# What the checks of a native build would find on this target. A cross build runs
# no link test and takes a short list for newlib instead.
adapt_configure() {
  local configure="$1" name have
  # The compiler is Debian's and reports Debian's thread model.
  sed -i 's/^\( *\)target_thread_file=`.*/\1target_thread_file=ebbrt/
    s/^    single)\t*thread_header=.*/&\n    ebbrt) thread_header=gthr-ebbrt.h ;;/' \
    "$configure"
  for name in acos asin atan2 atan ceil cos cosh exp fabs floor fmod frexp hypot \
    ldexp log10 log modf pow sin sinh sqrt tan tanh; do
    have+=" HAVE_${name^^}L"
  done
  have+=" HAVE_HYPOTF HAVE_SINCOS HAVE_SINCOSF HAVE_SINCOSL HAVE_STRTOLD
    HAVE_TLS HAVE_USELOCALE HAVE_ALIGNED_ALLOC HAVE_POSIX_MEMALIGN
    HAVE___CXA_THREAD_ATEXIT_IMPL HAVE_GETENTROPY HAVE_SETENV HAVE_SLEEP HAVE_USLEEP
    _GLIBCXX_USE_CLOCK_MONOTONIC _GLIBCXX_USE_CLOCK_REALTIME
    _GLIBCXX_USE_NANOSLEEP _GLIBCXX_USE_SCHED_YIELD"
  local lines=""
  for name in $have; do
    lines+='    $as_echo "#define '$name' 1" >>confdefs.h'$'\n'
  done
  replace "$configure" '    os_include_dir="os/newlib"
    $as_echo "#define HAVE_HYPOT 1"' '    os_include_dir="os/newlib"
'"$lines"'    $as_echo "#define HAVE_HYPOT 1"'
}
