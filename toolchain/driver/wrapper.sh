#!/bin/sh
# The target's @NAME@: Debian's @COMPILER@ with the target's specs. The prefix is
# the directory above the one this file lies in.
prefix=${0%/*}
prefix=${prefix%/bin}
[ -e "$prefix/lib/ebbrt.specs" ] || {
  prefix=$(readlink -f "$0") && prefix=${prefix%/bin/*}
}
exec @COMPILER@ -specs="$prefix/lib/ebbrt.specs" --sysroot="$prefix" -static -no-pie "$@"
