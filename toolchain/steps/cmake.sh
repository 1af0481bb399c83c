# CMake's view of the target.
step_needs=()
step_inputs=(cmake)
step_packages=()

step_run() {
  mkdir -p "$OUT/share/cmake/Platform"
  cp "$TOOLCHAIN_DIR/cmake/ebbrt.cmake" "$OUT/share/"
  cp "$TOOLCHAIN_DIR/cmake/Platform/EbbRT.cmake" "$OUT/share/cmake/Platform/"
}
