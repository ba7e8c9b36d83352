#!/usr/bin/env bash
# Puts Debian's firewalld into dist/firewalld for the tests of the firewall plugin, and what it needs into the system.
# The package itself is unpacked and not installed: installing it would start the service, on this machine's own network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:/usr/sbin:/sbin"

readonly target=$PWD/dist/firewalld
readonly libraries=(python3-firewall python3-dbus python3-gi python3-nftables python3-cap-ng gir1.2-glib-2.0 gir1.2-nm-1.0)

say() { echo "firewalld: $*" >&2; }

[ ! -x "$target/usr/sbin/firewalld" ] || exit 0
command -v apt-get >/dev/null 2>&1 || {
  say "there is no apt-get here: going on without firewalld"
  exit 1
}
say "unpacking firewalld, installing ${libraries[*]}"
export DEBIAN_FRONTEND=noninteractive
install() {
  apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends --no-remove "$@" </dev/null >&2
}
fetch() { (cd "$1" && apt-get -qq download firewalld 2>/dev/null); }

packages=("${libraries[@]}")
command -v dbus-daemon >/dev/null 2>&1 || packages+=(dbus)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
install "${packages[@]}" && fetch "$work" || {
  apt-get -qq update </dev/null >&2 || say "could not refresh apt's lists; going on with those that are here"
  install "${packages[@]}" && fetch "$work"
}
dpkg-deb -x "$work"/firewalld_*.deb "$work/unpacked"
mkdir -p dist
rm -rf "$target"
mv "$work/unpacked" "$target"
