# Shared by the builds of node's parts (*/build). Sourced, not run, by a script that has
# set PART, the part's name, and `here`, its directory.
#
# A part lies in the cache under a key, the hash of all that it is made from; sources are
# fetched once.

export TOOLCHAIN_DIR="$here/../../../toolchain"
. "$TOOLCHAIN_DIR/lib/common.sh"
. "$TOOLCHAIN_DIR/lib/packages.sh"

readonly NODE_CACHE="${CACHE%/toolchain}/node"

say() { echo "$PART: $*" >&2; }
die() { echo "$PART: $*" >&2; exit 1; }

# version_of PACKAGE: the upstream version that `versions` pins.
version_of() {
  awk -v p="$1" '$2 == p { print $3; found = 1 } END { exit !found }' \
    "$here/../versions" || die "no version of $1 in apps/node/versions"
}

toolchain() { "$TOOLCHAIN_DIR/build" --print-prefix | tail -n 1; }

# prefix_of INPUT...: where what is made from the part's directory and these files,
# directories and words is or would be.
prefix_of() {
  local key input
  key=$({
    basename "$(toolchain)"
    for input in "$here" "$here/../versions" "$@"; do
      if [ -e "$input" ]; then
        (cd "$(dirname "$input")" && find "$(basename "$input")" -type f ! -name '*.pyc' |
          LC_ALL=C sort | xargs sha256sum)
      else
        echo "$input"
      fi
    done
  } | sha256sum | cut -c1-16)
  echo "$NODE_CACHE/$PART/$key"
}

# fetch_binary PACKAGE DIRECTORY: unpacks the Debian package there without installing it.
fetch_binary() {
  local downloads="$CACHE/downloads" version file
  version=$(version_of "$1")
  find_deb() {
    find "$downloads" -maxdepth 1 -name "$1_$version[-+]*.deb" | sort | tail -n 1
  }
  file=$(find_deb "$1")
  if [ -z "$file" ]; then
    rm -rf "$downloads.deb"
    mkdir -p "$downloads.deb" "$downloads"
    (cd "$downloads.deb" &&
      { apt-get download "$1" || { apt-get update && apt-get download "$1"; }; })
    mv "$downloads.deb"/*.deb "$downloads/"
    file=$(find_deb "$1")
    [ -n "$file" ] || { echo "no package $1 $version is to be had"; return 1; }
  fi
  dpkg-deb -x "$file" "$2"
}

# apply_patches DIRECTORY: the part's own, to the source there.
apply_patches() {
  local patch
  for patch in "$here"/patches/*.patch; do
    patch -d "$1" -p1 --forward --batch <"$patch"
  done
}

# launchers: CMake's options for the compiler cache, if there is one. It takes part in
# precompiled headers only if told so.
export CCACHE_DIR="${CCACHE_DIR:-${CACHE%/toolchain}/ccache}"
export CCACHE_SLOPPINESS=pch_defines,time_macros
launchers() {
  ! command -v ccache >/dev/null ||
    echo "-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache"
}

# step NAME ARGUMENT...: calls the function, with its output in a log, and what ninja
# counts shown. In a shell of its own, because `set -e` is off inside a condition.
step() {
  local started=$SECONDS log="$NODE_CACHE/logs/$PART-$1.log"
  mkdir -p "$NODE_CACHE/logs"
  bash "$here/build" --step "$@" 2>&1 | tee "$log" | awk -v part="$PART" '
    match($0, /^\[[0-9]+\/[0-9]+\]/) {
      split(substr($0, 2, RLENGTH - 2), n, "/")
      if (n[1] > 0 && n[1] % 20 == 0) {
        print part ": compile " n[1] "/" n[2]
        fflush()
      }
    }' >&2 || die "step $1 failed: $(tail -n 5 "$log")
(log: $log)"
  say "$(printf '%-10s %4d s' "$1" $((SECONDS - started)))"
}

# build_part PREFIX [ARGUMENT]: what the script's argument asks for. The script defines
# get_source DIRECTORY and compile PREFIX WORK, which leaves the part in PREFIX.part and
# its source in WORK/source.
build_part() {
  local prefix="$1"
  shift
  case "${1-}" in
    "") ;;
    --print-prefix) echo "$prefix"; return ;;
    --step) shift; "$@"; return ;;
    *) die "unknown argument '$1'" ;;
  esac
  if [ ! -d "$prefix" ]; then
    local work="$NODE_CACHE/work-$PART"
    mkdir -p "$work" "$(dirname "$prefix")"
    exec 9>"$work/lock"
    flock 9
    # What an interrupted build has left may be another clone's.
    rm -rf "$work/target" "$work/host" "$work/source"
    # Another build may have made it while this one waited.
    if [ ! -d "$prefix" ]; then
      step get_source "$work/source"
      rm -rf "$prefix.part"
      step compile "$prefix.part" "$work"
      mv "$prefix.part" "$prefix"
      rm -rf "$work/target" "$work/source"
    fi
  fi
  echo "$prefix"
}
