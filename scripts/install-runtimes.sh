#!/usr/bin/env bash
# Installs the container runtimes that drive the plugins in test/integration/runtimes, from Debian, as far as they are
# missing. Never at the cost of another package: where docker's containerd is installed, Debian's is not.
set -euo pipefail

export PATH="$PATH:/usr/sbin:/sbin"

say() { echo "runtimes: $*" >&2; }

# command, and the Debian package that has it
readonly programs=(
  podman:podman
  conmon:conmon
  containerd:containerd
  ctr:containerd
  crun:crun
  busybox:busybox-static
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
export DEBIAN_FRONTEND=noninteractive
install() {
  apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends --no-remove "$@" </dev/null >&2
}
install "${packages[@]}" && exit 0
apt-get -qq update </dev/null >&2 || say "could not refresh apt's lists; going on with those that are here"
install "${packages[@]}"
