#!/usr/bin/env bash
# Puts Debian's firewalld into dist/firewalld for the tests of the firewall plugin, and what it needs into the system.
# The package itself is unpacked and not installed: installing it would start the service, on this machine's own network.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly target=$PWD/dist/firewalld
readonly libraries=(python3-firewall python3-dbus python3-gi python3-nftables python3-cap-ng gir1.2-glib-2.0 gir1.2-nm-1.0)

say() { echo "firewalld: $*" >&2; }
. scripts/apt.sh

[ ! -x "$target/usr/sbin/firewalld" ] || exit 0
mapfile -t packages < <(missing_packages dbus-daemon:dbus)
packages+=("${libraries[@]}")
require_apt firewalld "${packages[@]}"
say "unpacking firewalld, installing ${packages[*]}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fetch() { apt_install "${packages[@]}" && (cd "$work" && apt-get -qq download firewalld 2>/dev/null); }
with_apt_lists fetch
dpkg-deb -x "$work"/firewalld_*.deb "$work/unpacked"
mkdir -p dist
rm -rf "$target"
mv "$work/unpacked" "$target"
