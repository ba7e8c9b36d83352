#!/usr/bin/env bash
# Installs the DHCP servers that the tests of plugins/ipam-dhcp run in namespaces of their own, from Debian, as far as they
# are missing. None of them is started as a service.
set -euo pipefail

export PATH="$PATH:/usr/sbin:/sbin"

say() { echo "dhcp servers: $*" >&2; }

# command, and the Debian package that has it
readonly programs=(
  dnsmasq:dnsmasq-base
  dhcpd:isc-dhcp-server
  kea-dhcp4:kea-dhcp4-server
  kea-dhcp6:kea-dhcp6-server
)

packages=()
for entry in "${programs[@]}"; do
  command -v "${entry%%:*}" >/dev/null 2>&1 || packages+=("${entry##*:}")
done
[ ${#packages[@]} = 0 ] && exit 0
command -v apt-get >/dev/null 2>&1 || {
  say "there is no apt-get here: going on without ${packages[*]}"
  exit 1
}
say "installing ${packages[*]}"
# What Debian's packages ask before they start a service: no.
readonly policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
export DEBIAN_FRONTEND=noninteractive
install() {
  apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends --no-remove "$@" </dev/null >&2
}
install "${packages[@]}" && exit 0
apt-get -qq update </dev/null >&2 || say "could not refresh apt's lists; going on with those that are here"
install "${packages[@]}"
