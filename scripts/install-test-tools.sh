#!/usr/bin/env bash
# Installs the programs that the tests look with and measure with, from Debian, as far as they are missing. Never at
# the cost of another package. Nothing that we ship needs any of them. Arguments name others: COMMAND:PACKAGE.
set -euo pipefail
export PATH="$PATH:/usr/sbin:/sbin"

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

say() { echo "test tools: $*" >&2; }

packages=()
for entry in "${programs[@]}"; do
  command -v "${entry%%:*}" >/dev/null 2>&1 || packages+=("${entry##*:}")
done
[ ${#packages[@]} != 0 ] || exit 0
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1; then
  say "missing: ${packages[*]} (Debian's packages); install them as root"
  exit 1
fi
say "installing ${packages[*]}"
export DEBIAN_FRONTEND=noninteractive
install() {
  apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends --no-remove "$@" </dev/null >&2
}
install "${packages[@]}" && exit 0
apt-get -qq update </dev/null >&2 || say "could not refresh apt's lists; going on with those that are here"
install "${packages[@]}"
