# What comes from Debian: installed packages, and source packages fetched
# through a private source list. Sourced, not run.

readonly BUILD_PACKAGES=(
  gcc-12 g++-12 binutils make dpkg-dev xz-utils gzip bzip2 ca-certificates
  gcc-12-source newlib-source libboost-dev libboost-context-dev
)

# require_packages PACKAGE...: installs what is missing when run as root, else
# names it in one line.
require_packages() {
  local missing=() p
  for p in "$@"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$p" 2>/dev/null |
      grep -qx installed || missing+=("$p")
  done
  ((${#missing[@]})) || return 0
  [ "$(id -u)" = 0 ] || die "missing Debian packages: ${missing[*]}" \
    "(as root: apt-get install ${missing[*]})"
  mkdir -p "$CACHE/logs"
  local log="$CACHE/logs/apt-install.log" started=$SECONDS
  say "installing ${missing[*]}"
  if ! DEBIAN_FRONTEND=noninteractive apt_install "${missing[@]}" >"$log" 2>&1
  then
    die "step packages failed: apt-get could not install ${missing[*]}; log: $log"
  fi
  say "$(printf '%-10s %4d s' packages $((SECONDS - started)))"
}

apt_install() {
  local options=(-y --no-install-recommends -o DPkg::Lock::Timeout=300)
  apt-get install "${options[@]}" "$@" ||
    { apt-get update && apt-get install "${options[@]}" "$@"; }
}

# check_versions: the installed source-carrying packages must have the upstream
# version that the port is written against.
check_versions() {
  local kind package pinned have
  while read -r kind package pinned; do
    [ "$kind" = binary ] || continue
    have=$(dpkg-query -W -f '${Version}' "$package")
    case "$have" in
      "$pinned"[-+.]*) ;;
      *) die "$package is version $have, but this port needs $pinned" \
        "(Debian 12 has it)" ;;
    esac
  done < <(grep -v '^#' "$TOOLCHAIN_DIR/versions")
}

# derive_sources DIRECTORY: writes the machine's own Debian bookworm entries,
# one-line and deb822, there as deb-src entries.
derive_sources() {
  local etc list parts
  eval "$(apt-config shell etc Dir::Etc/d list Dir::Etc::sourcelist/f \
    parts Dir::Etc::sourceparts/d)"
  mkdir -p "$1"
  : >"$1/ebbrt.list"
  : >"$1/ebbrt.sources"
  local f
  for f in "$list" "$parts"/*.list; do
    [ ! -f "$f" ] || awk -f "$TOOLCHAIN_DIR/lib/one_line.awk" "$f" \
      >>"$1/ebbrt.list"
  done
  for f in "$parts"/*.sources; do
    [ ! -f "$f" ] || awk -f "$TOOLCHAIN_DIR/lib/deb822.awk" "$f" \
      >>"$1/ebbrt.sources"
  done
  [ -s "$1/ebbrt.list" ] || [ -s "$1/ebbrt.sources" ] || {
    echo "no Debian bookworm 'main' entry in the apt configuration"
    return 1
  }
}

# fetch_source PACKAGE DIRECTORY: unpacks the Debian source package, with
# Debian's patches, as DIRECTORY. The download is kept in the cache. /etc/apt and
# the machine's package lists are not touched. Of a version's revisions it takes the
# newest that is to be had: a mirror may lack one that its index names.
fetch_source() {
  local package="$1" target="$2" pinned dsc
  pinned=$(version_of "$package")
  local apt="$CACHE/apt" downloads="$CACHE/downloads"
  find_dsc() {
    find "$downloads" -name "${package}_${pinned}[-+]*.dsc" | sort | tail -n 1
  }
  mkdir -p "$downloads"
  dsc=$(find_dsc)
  if [ -z "$dsc" ]; then
    rm -rf "$apt/sources" "$downloads.part"
    mkdir -p "$apt"/{lists,cache/archives}/partial "$downloads.part"
    derive_sources "$apt/sources"
    local options=(
      -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$apt/sources"
      -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt/cache"
      -o Acquire::Languages=none -o Acquire::Retries=3
    )
    [ "$(id -u)" != 0 ] || options+=(-o APT::Sandbox::User=root)
    # An unrelated entry of the machine's may have no sources: not fatal here.
    apt-get "${options[@]}" update || true
    local revision
    for revision in $(apt-cache "${options[@]}" showsrc "$package" |
      awk '$1 == "Version:" { print $2 }' | grep -E "^([0-9]+:)?$pinned[-+]" |
      sort -rVu); do
      ! (cd "$downloads.part" && apt-get "${options[@]}" source --download-only \
        --only-source "$package=$revision") || break
      find "$downloads.part" -type f -delete
    done
    [ -n "$(find "$downloads.part" -name '*.dsc')" ] ||
      { echo "no source of $package $pinned is to be had"; return 1; }
    # The .dsc last: where it is, the download is complete.
    find "$downloads.part" -type f ! -name '*.dsc' -exec mv -t "$downloads" {} +
    mv "$downloads.part"/*.dsc "$downloads/"
    rm -rf "$downloads.part"
    dsc=$(find_dsc)
  fi
  rm -rf "$target"
  mkdir -p "$(dirname "$target")"
  dpkg-source -x "$dsc" "$target"
}
