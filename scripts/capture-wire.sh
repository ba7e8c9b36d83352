#!/bin/bash
# Shows the netlink messages a command of iproute2 sends, as hex for the tests.
#
#   scripts/capture-wire.sh [-p "preparation"]... ip link add br0 type bridge
#
# Runs in a network namespace of its own. Each message is a line, header and body apart:
# the header's length, type, flags, sequence and port, a bar, the body. Needs root, strace and iproute2.
set -euo pipefail

if [[ ${CAPTURE_INSIDE:-} != 1 ]]; then
  exec env CAPTURE_INSIDE=1 unshare -n -- "$0" "$@"
fi

while [[ ${1:-} == -p ]]; do
  bash -c "$2"
  shift 2
done
[[ $# -gt 0 ]] || { echo "usage: ${0##*/} [-p preparation]... command" >&2; exit 2; }

trace=$(mktemp)
trap 'rm -f "$trace"' EXIT
# Descriptor 3 is the first that ip opens; 4 serves commands that need a second socket.
strace -f -o "$trace" -e trace=sendmsg,sendto -e write=3,4 -- "$@" >&2 || echo "the command failed" >&2

awk '
  function flush() {
    if (hex != "") print substr(hex, 1, 32) " | " substr(hex, 33)
    hex = ""
  }
  / \* [0-9]+ bytes in buffer/ { flush() }
  /^ \| [0-9a-f]+  / {
    bytes = $0
    sub(/^ \| [0-9a-f]+  /, "", bytes)
    bytes = substr(bytes, 1, 49) # what follows is the same as text
    gsub(/ /, "", bytes)
    hex = hex bytes
  }
  END { flush() }
' "$trace"
