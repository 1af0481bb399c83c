# Shared by toolchain/build, toolchain/check and the steps. Sourced, not run.

readonly TRIPLET=x86_64-ebbrt-elf
readonly CACHE="${EBBRT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/ebbrt}/toolchain"

# die MESSAGE: one line on standard error, exit 1.
die() {
  echo "toolchain: $*" >&2
  exit 1
}

# say MESSAGE: progress, on standard error so that standard output carries only
# the prefix.
say() { echo "toolchain: $*" >&2; }

# version_of PACKAGE: the upstream version that toolchain/versions pins.
version_of() {
  awk -v p="$1" '$2 == p { print $3; found = 1 } END { exit !found }' \
    "$TOOLCHAIN_DIR/versions" || die "no version of $1 in toolchain/versions"
}

# replace FILE OLD NEW: replaces every occurrence of a literal text and fails
# when there is none, so that a source that has changed is noticed.
replace() {
  OLD="$2" NEW="$3" perl -0777 -i -pe '
    BEGIN { $old = $ENV{OLD}; $new = $ENV{NEW}; }
    $n = s/\Q$old\E/$new/g;
    END { exit 1 unless $n }' "$1" ||
    { echo "replace: '$2' is not in $1" >&2; return 1; }
}

# stage SOURCE TARGET: adds a tree to another one with hard links.
stage() {
  mkdir -p "$2"
  cp -al "$1/." "$2/" 2>/dev/null || cp -a "$1/." "$2/"
}
