# GCC's support library and unwinder. The unwinder finds tables by binary search
# in PT_GNU_EH_FRAME through dl_iterate_phdr: no registration, no lock.
step_needs=(driver newlib)
step_inputs=(gthr-ebbrt.h libgcc)
step_packages=(gcc-12-source)

step_run() {
  tar -xf /usr/src/gcc-12/gcc-*.tar.xz --strip-components=1 --wildcards \
    --no-wildcards-match-slash '*/config.sub' '*/config.guess' '*/install-sh' \
    '*/config.rpath' '*/mkinstalldirs' '*/move-if-change' '*/missing' \
    '*/config-ml.in' '*/multilib.am' '*/gcc/*.h' '*/gcc/BASE-VER' '*/include' \
    '*/config' '*/libgcc' '*/gcc/config/i386' '*/gcc/common/config/i386'
  cp "$TOOLCHAIN_DIR/gthr-ebbrt.h" libgcc/
  mkdir -p build/gcc "build/$TRIPLET/libgcc"
  # In the place of a built compiler: what libgcc reads of it.
  cp "$TOOLCHAIN_DIR"/libgcc/* build/gcc/
  replace libgcc/config.host \
    'tmake_file="$tmake_file i386/t-crtstuff t-crtstuff-pic t-libgcc-pic"
	case' 'tmake_file="$tmake_file i386/t-crtstuff t-eh-dw2-dip"
	case'
  sed -i 's/^target_thread_file=.*/target_thread_file=ebbrt/
    s/^    single)\t*thread_header=.*/&\n    ebbrt) thread_header=gthr-ebbrt.h ;;/' \
    libgcc/configure
  # Nobody registers tables here: without the search among those that were, which
  # is 5 KB of an image, each throw looks into the image's own at once.
  replace libgcc/unwind-dw2-fde-dip.c \
    '  ret = _Unwind_Find_registered_FDE (pc, bases);
  if (ret != NULL)
    return ret;
' ''
  cd "build/$TRIPLET/libgcc"
  ../../../libgcc/configure --host=$TRIPLET --target=$TRIPLET --prefix="$OUT" \
    --disable-shared --disable-multilib --disable-gcov --disable-nls \
    --enable-threads --with-newlib \
    CC=$TRIPLET-gcc AR=$TRIPLET-ar NM=$TRIPLET-nm RANLIB=$TRIPLET-ranlib \
    STRIP=$TRIPLET-strip CFLAGS="$TARGET_CFLAGS -DUSE_PT_GNU_EH_FRAME"
  make -j"$JOBS" libgcc.a libgcc_eh.a
  mkdir -p "$OUT/lib"
  cp libgcc.a "$OUT/lib/"
  # One library: whoever links it wants both.
  mkdir unwinder
  (cd unwinder && $TRIPLET-ar x ../libgcc_eh.a &&
    $TRIPLET-ar rs "$OUT/lib/libgcc.a" *.o)
}
