# The compiler driver: wrappers around Debian's GCC 12 and its binutils under the
# target's own names.
step_needs=()
step_inputs=(driver)
step_packages=()

step_run() {
  local tool
  mkdir -p "$OUT/bin" "$OUT/lib" "$OUT/include"
  sed "s|@GCC_INCLUDE@|$(gcc-12 -print-file-name=include)|" \
    "$TOOLCHAIN_DIR/driver/ebbrt.specs" >"$OUT/lib/ebbrt.specs"
  for tool in gcc g++; do
    sed "s|@NAME@|$TRIPLET-$tool|; s|@COMPILER@|$(command -v $tool-12)|g" \
      "$TOOLCHAIN_DIR/driver/wrapper.sh" >"$OUT/bin/$TRIPLET-$tool"
    chmod 755 "$OUT/bin/$TRIPLET-$tool"
  done
  for tool in ar ranlib nm objcopy objdump strip ld addr2line size readelf as \
    strings c++filt; do
    ln -s "$(command -v x86_64-linux-gnu-$tool)" "$OUT/bin/$TRIPLET-$tool"
  done
}
