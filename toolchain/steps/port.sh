# Our own part of the C library: locks, POSIX threads, fallbacks for system calls,
# and headers that newlib has not.
step_needs=(driver newlib)
step_inputs=(port)
step_packages=()

step_run() {
  local source
  for source in "$TOOLCHAIN_DIR"/port/*.c; do
    $TRIPLET-gcc $TARGET_CFLAGS -std=gnu17 -Wall -Wextra -Werror -fno-builtin \
      -isystem "$TOOLCHAIN_DIR/port/include" \
      -ffile-prefix-map="$TOOLCHAIN_DIR"=/ebbrt/toolchain -c "$source"
  done
  mkdir -p "$OUT/lib"
  cp -R "$TOOLCHAIN_DIR/port/include" "$OUT/include"
  $TRIPLET-ar rcs "$OUT/lib/libebbrt-port.a" *.o
  # For build systems that ask for it by name; the functions are in the above.
  $TRIPLET-ar rcs "$OUT/lib/libpthread.a"
}
