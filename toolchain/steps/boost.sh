# Boost's headers, as Debian installs them, and Boost.Context. The context switch is
# assembly for the System V ABI that refers to nothing of the host, so the objects
# come out of Debian's static library: the source package would be 60 MB for them.
step_needs=(driver newlib libm libgcc libstdcxx)
step_inputs=(boost)
step_packages=(libboost-dev libboost-context-dev)

step_run() {
  local arch=x86_64_sysv_elf_gas
  mkdir -p "$OUT/include" "$OUT/lib"
  ln -s /usr/include/boost "$OUT/include/boost"
  $TRIPLET-ar x /usr/lib/x86_64-linux-gnu/libboost_context.a \
    {make,jump,ontop}_$arch.o
  mkdir include
  ln -s /usr/include/boost include/boost
  $TRIPLET-g++ $TARGET_CFLAGS -std=gnu++17 -I include \
    -DBOOST_CONTEXT_SOURCE -c "$TOOLCHAIN_DIR/boost/stack_traits.cc"
  $TRIPLET-ar rcs "$OUT/lib/libboost_context.a" ./*.o
}
