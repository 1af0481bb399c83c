# Runs one step in a shell of its own: bash lib/run_step.sh, with STEP, STEP_DIR
# and TOOLCHAIN_DIR set.
set -euo pipefail
. "$TOOLCHAIN_DIR/lib/common.sh"
. "$TOOLCHAIN_DIR/lib/packages.sh"
step_needs=() step_inputs=() step_packages=()
. "$TOOLCHAIN_DIR/steps/$STEP.sh"

export LC_ALL=C TZ=UTC0
unset CFLAGS CXXFLAGS CPPFLAGS LDFLAGS CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH \
  LIBRARY_PATH MAKEFLAGS MFLAGS CC CXX AR RANLIB LD NM CONFIG_SITE
SYSROOT="$STEP_DIR/sysroot"
OUT="$STEP_DIR/out"
JOBS="$(nproc)"
PATH="$SYSROOT/bin:$PATH"
# What every library of the target is compiled with.
TARGET_CFLAGS="-O2 -g1 -ffunction-sections -fdata-sections -ffile-prefix-map=$STEP_DIR/work=/ebbrt/$STEP"
export PATH
cd "$STEP_DIR/work"
set -x
step_run
