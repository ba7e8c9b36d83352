#!/usr/bin/env bash
# Prints which of the given kinds of links the running kernel cannot make, one a line: vlan, ipvlan, dummy, tun and so on;
# bridge-vlan is a bridge that keeps VLANs apart.
# Needs root, works in a network namespace of its own.
set -euo pipefail

if [ "${1-}" != --inside ]; then exec unshare --net -- "$0" --inside "$@"; fi
shift
ip link add parent type veth peer name other
for kind in "$@"; do
  case $kind in
    tun) ip tuntap add probe mode tap 2>/dev/null || echo "$kind" ;;
    vlan) ip link add link parent name probe type vlan id 7 2>/dev/null || echo "$kind" ;;
    ipvlan | macvlan) ip link add link parent name probe type "$kind" 2>/dev/null || echo "$kind" ;;
    bridge-vlan)
      { ip link add name probe type bridge vlan_filtering 1 && bridge vlan add dev probe vid 7 self; } 2>/dev/null || echo "$kind"
      ;;
    vrf) ip link add probe type vrf table 7 2>/dev/null || echo "$kind" ;;
    *) ip link add probe type "$kind" 2>/dev/null || echo "$kind" ;;
  esac
  ip link del probe 2>/dev/null || true
done
