# The mathematics library: musl's, because newlib's has no 80-bit long double.
# Compiled against musl's own headers; types, constants and symbols agree with the
# newlib headers as step newlib adapts them. With it musl's memcpy, memmove and
# memset: newlib's memcpy goes past the caches from 256 bytes on, which is where
# what it copies is wanted next.
step_needs=(driver)
step_inputs=()
step_packages=(musl)

step_run() {
  local include source
  fetch_source musl "$PWD/musl"
  cd musl
  mkdir -p obj/include/bits objects
  sed -f tools/mkalltypes.sed arch/x86_64/bits/alltypes.h.in \
    include/alltypes.h.in >obj/include/bits/alltypes.h
  local flags="$TARGET_CFLAGS -std=c99 -ffreestanding -nostdinc
    -D_XOPEN_SOURCE=700 -frounding-math -fexcess-precision=standard"
  for include in arch/x86_64 arch/generic src/include src/internal obj/include \
    include; do
    flags+=" -I$include"
  done
  # A source below x86_64/ replaces the generic one of the same name.
  for source in src/{math,complex,fenv}/*.c; do
    [ -e "${source%/*}/x86_64/$(basename "$source" .c).s" ] ||
      [ -e "${source%/*}/x86_64/${source##*/}" ] || echo "$source"
  done >sources
  ls src/{math,fenv}/x86_64/*.[cs] src/string/x86_64/*.s >>sources
  FLAGS="$(echo $flags)" xargs -P "$JOBS" -n 8 sh -ec '
    for source; do
      name=${source##*/}
      '$TRIPLET'-gcc $FLAGS -c "$source" -o "objects/${name%.*}.o"
    done' compile <sources
  mkdir -p "$OUT/lib"
  $TRIPLET-ar rcs "$OUT/lib/libm.a" objects/*.o
}
