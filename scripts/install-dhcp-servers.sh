#!/usr/bin/env bash
# Installs the DHCP servers that the tests of plugins/ipam-dhcp run in namespaces of their own, from Debian, as far as they
# are missing. None of them is started as a service.
set -euo pipefail

say() { echo "dhcp servers: $*" >&2; }
. "$(dirname "${BASH_SOURCE[0]}")/apt.sh"

mapfile -t packages < <(missing_packages \
  dnsmasq:dnsmasq-base \
  dhcpd:isc-dhcp-server \
  kea-dhcp4:kea-dhcp4-server \
  kea-dhcp6:kea-dhcp6-server)
[ ${#packages[@]} != 0 ] || exit 0
require_apt "${packages[@]}"
say "installing ${packages[*]}"
# What Debian's packages ask before they start a service: no.
readonly policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap 'rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' >"$policy"
  chmod 755 "$policy"
fi
with_apt_lists apt_install "${packages[@]}"
