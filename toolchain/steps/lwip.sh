# lwIP as source, with Debian's patches: the library OS compiles it against its own
# lwipopts.h and arch/cc.h, and so are its unit tests (tests/lwip).
step_needs=()
step_inputs=()
step_packages=(lwip)

step_run() {
  fetch_source lwip "$PWD/lwip"
  mkdir -p "$OUT/src/lwip"
  cp -a lwip/src lwip/test lwip/COPYING lwip/CHANGELOG "$OUT/src/lwip/"
}
