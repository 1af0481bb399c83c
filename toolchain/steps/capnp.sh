# Cap'n Proto's message layer and the part of KJ that it stands on. No RPC and no
# KJ event loop: the runtime has its own messenger and events.
step_needs=(driver newlib libm libgcc libstdcxx port)
step_inputs=()
step_packages=(capnproto)

KJ_SOURCES=(common units memory refcount array list string string-tree
  source-location hash table arena encoding exception debug io mutex time
  parse/char)
CAPNP_SOURCES=(blob arena layout list any message schema schema-loader dynamic
  stringify serialize serialize-packed schema.capnp stream.capnp c++.capnp)

step_run() {
  fetch_source capnproto "$PWD/capnproto"
  cd capnproto/src
  compile_all kj "${KJ_SOURCES[@]}"
  compile_all capnp "${CAPNP_SOURCES[@]}"
  mkdir -p "$OUT/lib" "$OUT/include"
  $TRIPLET-ar rcs "$OUT/lib/libkj.a" objects/kj/*.o
  $TRIPLET-ar rcs "$OUT/lib/libcapnp.a" objects/capnp/*.o
  find kj capnp -name '*.h' ! -name '*-test*' ! -name 'test*' \
    ! -path '*/testdata/*' ! -path 'kj/compat/*' -print0 |
    tar -c --null -T - | tar -x -C "$OUT/include"
  cp capnp/*.capnp "$OUT/include/capnp/"
  rm "$OUT/include/capnp"/test*.capnp
}

# compile_all LIBRARY SOURCE...: into objects/LIBRARY/.
compile_all() {
  local library="$1"
  shift
  mkdir -p "objects/$library"
  printf '%s\n' "$@" | FLAGS="$TARGET_CFLAGS -std=gnu++17 -I. -Wno-attributes" \
    xargs -P "$JOBS" -n 1 sh -ec '
      object=objects/'"$library"'/$(echo "$1" | tr / -).o
      '$TRIPLET'-g++ $FLAGS -c "'"$library"'/$1.c++" -o "$object"' compile
}
