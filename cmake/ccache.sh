#!/bin/sh
# ccache.sh CCACHE COMPILER ARGUMENTS...
#
# Compiles through ccache, so that a checkout elsewhere finds what this one has compiled. Of precompiled headers ccache asks for
# the sloppiness below (its manual, "Precompiled headers"): no file here depends on __TIME__ or on macros that only such a header
# would see. One that Clang makes has this checkout's paths in it, so it is made anew in each, and what uses it is found by the
# sum of the headers that it was made of, which ccache reads in its place if there is one (pch_external_checksum).
set -eu
export CCACHE_SLOPPINESS=pch_defines,time_macros CCACHE_PCH_EXTSUM=1
case " $* " in
  *" -emit-pch "*) ;;
  *) exec "$@" ;;
esac
shift
"$@"
while [ $# -gt 1 ]; do
  case $1 in
    -o) header=$2 ;;
    -MF) dependencies=$2 ;;
  esac
  shift
done
sed -e 's/^[^:]*://' -e 's/\\$//' "$dependencies" | xargs cat | sha256sum >"$header.sum"
