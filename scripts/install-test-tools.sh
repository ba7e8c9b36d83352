#!/usr/bin/env bash
# Installs the programs that the tests look with and measure with, from Debian, as far as they are missing. Never at
# the cost of another package. Nothing that we ship needs any of them. Arguments name others: COMMAND:PACKAGE.
set -euo pipefail

say() { echo "test tools: $*" >&2; }
. "$(dirname "${BASH_SOURCE[0]}")/apt.sh"

# command, and the Debian package that has it
programs=(
  conntrack:conntrack
  flock:util-linux
  ip:iproute2
  iperf3:iperf3
  iptables-save:iptables
  nft:nftables
  nsenter:util-linux
  ping:iputils-ping
  strace:strace
  tcpdump:tcpdump
)
[ $# = 0 ] || programs=("$@")

mapfile -t packages < <(missing_packages "${programs[@]}")
[ ${#packages[@]} != 0 ] || exit 0
require_apt "${packages[@]}"
say "installing ${packages[*]}"
with_apt_lists apt_install "${packages[@]}"
