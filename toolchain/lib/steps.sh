# Keys, order and execution of the steps. Sourced, not run.
#
# A step is a file steps/NAME.sh that sets
#   step_needs=(STEP...)   steps whose output it is built against
#   step_inputs=(FILE...)  files below toolchain/ that it reads
#   step_packages=(NAME...) Debian packages whose version decides its output
# and defines step_run, which is called with `set -e` in an empty directory:
#   $SYSROOT  the assembled output of the needed steps, theirs included
#   $OUT      where its own output goes, laid out as in the prefix
#   $JOBS     how many jobs to run

readonly STEPS=(driver newlib libm libgcc libstdcxx port boost lwip capnp cmake)

declare -A STEP_KEY=() STEP_NEEDS=()

# hash_inputs FILE...: one hash over names and contents; directories count whole.
hash_inputs() {
  (cd "$TOOLCHAIN_DIR" && find "$@" -type f -print0 | LC_ALL=C sort -z |
    xargs -0 sha256sum | sha256sum | cut -c1-16)
}

compute_keys() {
  local step need package material
  for step in "${STEPS[@]}"; do
    local step_needs=() step_inputs=() step_packages=()
    . "$TOOLCHAIN_DIR/steps/$step.sh"
    STEP_NEEDS[$step]="${step_needs[*]-}"
    material=$(hash_inputs lib/run_step.sh "steps/$step.sh" "${step_inputs[@]}")
    for package in "${step_packages[@]}"; do
      material+=" $package=$(version_of "$package")"
    done
    for need in "${step_needs[@]}"; do
      material+=" ${STEP_KEY[$need]:?step $step needs $need, which is not before it}"
    done
    STEP_KEY[$step]=$(echo "$material" | sha256sum | cut -c1-16)
  done
  unset -f step_run
}

step_dir() { echo "$CACHE/steps/$1-${STEP_KEY[$1]}"; }

prefix_path() {
  local step all=""
  for step in "${STEPS[@]}"; do all+="$step=${STEP_KEY[$step]} "; done
  echo "$CACHE/$(echo "$all" | sha256sum | cut -c1-16)"
}

list_steps() {
  local step
  for step in "${STEPS[@]}"; do
    printf '%-10s %s %s\n' "$step" "${STEP_KEY[$step]}" \
      "$([ -e "$(step_dir "$step")/done" ] && echo built || echo missing)"
  done
}

# closure STEP: the steps it needs, and what they need, each once, in order.
closure() {
  local wanted=" ${STEP_NEEDS[$1]} " step i
  for ((i = ${#STEPS[@]} - 1; i >= 0; i--)); do
    step=${STEPS[i]}
    [[ $wanted == *" $step "* ]] && wanted+="${STEP_NEEDS[$step]} "
  done
  for step in "${STEPS[@]}"; do
    [[ $wanted == *" $step "* ]] && echo "$step"
  done
  return 0
}

run_step() {
  local step="$1" dir started=$SECONDS need
  dir=$(step_dir "$step")
  [ ! -e "$dir/done" ] || return 0
  rm -rf "$dir"
  mkdir -p "$dir"/{work,out,sysroot}
  for need in $(closure "$step"); do
    stage "$(step_dir "$need")/out" "$dir/sysroot"
  done
  local status=0 child
  # A shell of its own, because `set -e` is off inside a condition, and a process
  # group of its own, so that an interruption ends all of it. It keeps the lock.
  STEP="$step" STEP_DIR="$dir" setsid bash "$TOOLCHAIN_DIR/lib/run_step.sh" \
    >"$dir/log" 2>&1 </dev/null &
  child=$!
  trap 'kill -TERM -- "-$child" 2>/dev/null
    die "interrupted in step $step; the next build resumes there"' INT TERM HUP
  wait "$child" || status=$?
  trap - INT TERM HUP
  ((status == 0)) ||
    die "step $step failed after $((SECONDS - started)) s (status $status); log: $dir/log"
  rm -rf "$dir/work" "$dir/sysroot"
  touch "$dir/done"
  say "$(printf '%-10s %4d s' "$step" $((SECONDS - started)))"
}

# assemble: makes the prefix out of the steps' outputs; the rename is atomic.
assemble() {
  local prefix="$1" step
  local temporary="$prefix.part.$$"
  rm -rf "$prefix".part.*
  for step in "${STEPS[@]}"; do
    stage "$(step_dir "$step")/out" "$temporary"
  done
  mv -T "$temporary" "$prefix"
}

build_all() {
  compute_keys
  local prefix
  prefix=$(prefix_path)
  if [ ! -d "$prefix" ]; then
    mkdir -p "$CACHE/steps"
    exec 9>"$CACHE/lock"
    if ! flock -n 9; then
      say "another build holds $CACHE/lock; waiting for it"
      flock 9
    fi
    if [ ! -d "$prefix" ]; then
      local started=$SECONDS step
      require_packages "${BUILD_PACKAGES[@]}"
      check_versions
      for step in "${STEPS[@]}"; do run_step "$step"; done
      assemble "$prefix"
      say "built in $((SECONDS - started)) s"
    fi
  fi
  echo "$prefix"
}
