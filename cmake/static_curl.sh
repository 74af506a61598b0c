#!/bin/sh
# Builds the libcurl of the static release and prints the folder it was installed in.
#
# The distribution's libcurl.a drags in Kerberos, LDAP, SSH and more that have no static archives, so
# this takes the distribution's own source package (its patches applied) and builds what the provider
# uses: HTTP and HTTPS, HTTP/2, proxies, gzip, and c-ares as the resolver, because a static glibc
# would load its name-service modules at run time.
#
# The result is kept outside the tree in ${CHARON_CACHE:-${XDG_CACHE_HOME:-~/.cache}/charon}, under a
# name made of the package's version, the machine's architecture and a hash of this file.
set -eu

say() { echo "static_curl: $*" >&2; }
die() {
  say "$*"
  exit 1
}

jobs=${1:-2}
for tool in apt-get dpkg-query dpkg-source cmake cc; do
  command -v "$tool" >/dev/null || die "$tool is missing. The static release is built on Debian 12" \
    "with dpkg-dev, cmake and gcc installed; a shared build (the dev preset) needs none of this."
done
version=$(dpkg-query -W -f '${Version}' libcurl4-openssl-dev 2>/dev/null) ||
  die "libcurl4-openssl-dev is not installed: apt-get install libcurl4-openssl-dev"
recipe=$(sha256sum "$0" | cut -c1-12)
cache=${CHARON_CACHE:-${XDG_CACHE_HOME:-${HOME:?}/.cache}/charon}
prefix=$cache/curl-$(printf %s "$version" | tr -c 'A-Za-z0-9.\n' -)-$(uname -m)-$recipe
if [ -f "$prefix/lib/libcurl.a" ]; then
  printf '%s\n' "$prefix"
  exit 0
fi

mkdir -p "$cache"
work=$(mktemp -d "$cache/build-curl.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM
log=$work/log

# Package lists and sources of our own: the machine's configuration stays as it is, and no root is
# needed. Every configured mirror is asked for sources instead of packages.
mkdir -p "$work/apt/sources" "$work/apt/lists/partial" "$work/apt/cache/archives/partial"
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ -f "$file" ] || continue
  sed -n 's/^[[:space:]]*deb[[:space:]]/deb-src /p' "$file" \
    >"$work/apt/sources/$(basename "$file" .list).list"
done
for file in /etc/apt/sources.list.d/*.sources; do
  [ -f "$file" ] || continue
  sed 's/^Types:.*/Types: deb-src/' "$file" >"$work/apt/sources/$(basename "$file")"
done
apt() {
  apt-get -q -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts="$work/apt/sources" \
    -o Dir::State::Lists="$work/apt/lists" -o Dir::Cache="$work/apt/cache" \
    -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User= "$@"
}

say "fetching the source of curl $version (once; kept in $prefix)"
apt update >"$log" 2>&1 || { tail -n 20 "$log" >&2; die "the package lists could not be fetched"; }
cd "$work"
# The mirror may have moved on to a newer build of the same release than the one installed.
apt source --download-only "curl=$version" >>"$log" 2>&1 ||
  apt source --download-only curl >>"$log" 2>&1 ||
  { tail -n 20 "$log" >&2; die "the source package of curl could not be fetched"; }
dpkg-source --no-check -x ./curl_*.dsc source >>"$log" 2>&1 ||
  { tail -n 20 "$log" >&2; die "the source package of curl could not be unpacked"; }

say "building it"
cmake -S source -B build -DCMAKE_BUILD_TYPE=Release -DCMAKE_INSTALL_PREFIX="$work/out" \
  -DCMAKE_INSTALL_LIBDIR=lib -DCMAKE_C_FLAGS="-O2 -ffunction-sections -fdata-sections" \
  -DBUILD_SHARED_LIBS=OFF -DBUILD_CURL_EXE=OFF -DBUILD_TESTING=OFF -DENABLE_MANUAL=OFF \
  -DHTTP_ONLY=ON -DCURL_USE_OPENSSL=ON -DUSE_NGHTTP2=ON -DENABLE_ARES=ON \
  -DENABLE_THREADED_RESOLVER=OFF -DENABLE_UNIX_SOCKETS=ON -DCURL_ZLIB=ON -DCURL_BROTLI=OFF \
  -DCURL_ZSTD=OFF -DUSE_LIBIDN2=OFF -DCURL_USE_LIBPSL=OFF -DCURL_USE_LIBSSH2=OFF \
  -DCURL_USE_LIBSSH=OFF -DCURL_USE_GSSAPI=OFF -DCURL_DISABLE_LDAP=ON -DCURL_DISABLE_ALTSVC=ON \
  -DCURL_DISABLE_COOKIES=ON -DCURL_DISABLE_NETRC=ON -DCURL_DISABLE_MIME=ON \
  -DCURL_DISABLE_DOH=ON -DCURL_DISABLE_NTLM=ON -DCURL_DISABLE_HSTS=ON -DENABLE_WEBSOCKETS=OFF \
  -DCURL_CA_BUNDLE=none -DCURL_CA_PATH=none >>"$log" 2>&1 ||
  { tail -n 30 "$log" >&2; die "curl could not be configured"; }
cmake --build build --parallel "$jobs" --target install >>"$log" 2>&1 ||
  { tail -n 30 "$log" >&2; die "curl could not be built"; }
[ -f out/lib/libcurl.a ] || die "the build of curl left no libcurl.a"

# Two builds at once: the first one in place wins.
mv -T "$work/out" "$prefix" 2>/dev/null || [ -f "$prefix/lib/libcurl.a" ] ||
  die "$prefix could not be written"
printf '%s\n' "$prefix"
