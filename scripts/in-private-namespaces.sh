#!/usr/bin/env bash
# Runs a command in network and mount namespaces of its own, so that nothing it does to interfaces, addresses and
# routes reaches this machine. /run is empty there, and gone afterwards. An ordinary user becomes root inside.
set -euo pipefail

if [ "${1-}" = --inside ]; then
  shift
  mount -t tmpfs -o mode=0755 tmpfs /run
  mkdir /run/netns
  # So that /sys/class/net shows this namespace's interfaces. Some containers forbid it, and little depends on it.
  mount -t sysfs sysfs /sys 2>/dev/null || true
  ip link set lo up
  exec "$@"
fi

export PATH="$PATH:/usr/sbin:/sbin"
become=()
[ "$(id -u)" = 0 ] || become=(--user --map-root-user)
if ! unshare "${become[@]}" --net --mount true; then
  echo "cannot make private namespaces here: try again as root" >&2
  exit 1
fi
exec unshare "${become[@]}" --net --mount --propagation private -- "${BASH_SOURCE[0]}" --inside "$@"
