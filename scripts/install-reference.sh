#!/usr/bin/env bash
# Puts the reference suite's executables into dist/reference/bin, for comparison only: nothing of ours needs them.
# By `go install` at the tag below, else out of Debian's containernetworking-plugins, which is unpacked there and
# not installed. Does nothing where they are there already.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The newest tag of github.com/containernetworking/plugins; this is the only place that names it.
readonly tag=v1.9.1
readonly plugins=(main/{bridge,loopback,ptp,macvlan,vlan,ipvlan,dummy,tap,host-device} ipam/{dhcp,host-local,static} meta/{firewall,portmap,tuning,sbr,bandwidth,vrf})
# The same for their runtime's side, github.com/containernetworking/cni; Debian has no cnitool.
readonly cni_tag=v1.3.1
readonly target=$PWD/dist/reference/bin

say() { echo "reference: $*" >&2; }

# dist/reference/version says what is there: a changed tag above installs again.
is_there() {
  local plugin
  for plugin in "${plugins[@]}"; do
    [ -x "$target/${plugin##*/}" ] || return 1
  done
  case $(cat dist/reference/version 2>/dev/null) in
    "$tag"*) ;;
    *"Debian"*) ! command -v go >/dev/null 2>&1 ;; # good enough until there is a Go
    *) return 1 ;;
  esac
}

from_go() {
  command -v go >/dev/null 2>&1 || return 1
  say "installing $tag with $(go version)"
  local package=github.com/containernetworking/plugins/plugins packages=()
  local plugin
  for plugin in "${plugins[@]}"; do packages+=("$package/$plugin@$tag"); done
  # Their module asks for its own Go; GOTOOLCHAIN=auto fetches it where ours is older.
  GOBIN=$target CGO_ENABLED=0 GOTOOLCHAIN=auto go install -trimpath "${packages[@]}" || return 1
  echo "$tag (go install)" >dist/reference/version
}

cnitool_from_go() {
  [ ! -x "$target/cnitool" ] && command -v go >/dev/null 2>&1 || return 0
  say "installing cnitool $cni_tag"
  GOBIN=$target CGO_ENABLED=0 GOTOOLCHAIN=auto \
    go install -trimpath "github.com/containernetworking/cni/cnitool@$cni_tag" ||
    say "no cnitool: going on without"
}

from_debian() {
  command -v apt-get >/dev/null 2>&1 || return 1
  say "no Go here: taking Debian's containernetworking-plugins"
  local unpacked=dist/reference/debian version
  mkdir -p "$unpacked"
  (cd "$unpacked" && { apt-get -qq download containernetworking-plugins 2>/dev/null ||
    { apt-get -qq update && apt-get -qq download containernetworking-plugins; }; }) >&2 || return 1
  dpkg-deb -x "$unpacked"/containernetworking-plugins_*.deb "$unpacked"
  local plugin
  for plugin in "${plugins[@]}"; do
    cp "$unpacked/usr/lib/cni/${plugin##*/}" "$target/"
  done
  version=$(dpkg-deb -f "$unpacked"/containernetworking-plugins_*.deb Version)
  rm -rf "$unpacked"
  echo "$version (Debian)" >dist/reference/version
}

mkdir -p "$target"
cnitool_from_go
is_there && exit 0
from_go || from_debian || {
  say "neither Go nor Debian's package: going on without"
  exit 1
}
say "$(cat dist/reference/version) is in dist/reference/bin"
