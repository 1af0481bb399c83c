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
  adapt_kj kj
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

# adapt_kj DIRECTORY: what would be a tenth of a small image.
adapt_kj() {
  # The demangler (45 KB), for the name of an exception that is not std::exception.
  replace "$1/exception.c++" \
    'abi::__cxa_demangle(name, nullptr, nullptr, &status)' nullptr
  # What it logs is for the console: a message that nobody expected needs neither
  # descriptors nor the front-end.
  replace "$1/exception.c++" 'miniposix::write(STDERR_FILENO, textPtr' \
    'ebbrt_write_log(textPtr'
  replace "$1/exception.c++" 'class ExceptionCallback::RootExceptionCallback:' \
    'extern "C" miniposix::ssize_t ebbrt_write_log(const void*, size_t);
class ExceptionCallback::RootExceptionCallback:'
  # A function for each pair of types that some assertion compares (15 KB), to show
  # the two values beside the text of the condition.
  replace "$1/debug.h" 'if (auto _kjCondition = ::kj::_::MAGIC_ASSERT << cond)' \
    'if (cond)'
  replace "$1/debug.h" '"_kjCondition," #__VA_ARGS__, _kjCondition, ##__VA_ARGS__' \
    '#__VA_ARGS__, ##__VA_ARGS__'
}

# compile_all LIBRARY SOURCE...: into objects/LIBRARY/. For size: most of it is
# checks that hold.
compile_all() {
  local library="$1"
  shift
  mkdir -p "objects/$library"
  printf '%s\n' "$@" | FLAGS="$TARGET_CFLAGS -Os -std=gnu++17 -I. -Wno-attributes" \
    xargs -P "$JOBS" -n 1 sh -ec '
      object=objects/'"$library"'/$(echo "$1" | tr / -).o
      '$TRIPLET'-g++ $FLAGS -c "'"$library"'/$1.c++" -o "$object"' compile
}
