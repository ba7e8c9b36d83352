#!/usr/bin/env bash
# Installs what building, showing and measuring need and this machine lacks, asking for nothing. Does nothing, and
# quickly, where all of it is there. Packages come from apt, crates and modules from their own clients.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# command, and the Debian package that has it
readonly tools=(
  cc:gcc
  musl-gcc:musl-tools
  git:git
  ip:iproute2
  ping:iputils-ping
  strace:strace
  sysctl:procps
  unshare:util-linux
)

say() { echo "setup: $*" >&2; }

die() {
  say "$*"
  exit 1
}

has() { command -v "$1" >/dev/null 2>&1; }

# Runs a command as root: as we are, or by sudo where it asks for no password.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif has sudo && sudo -n true 2>/dev/null; then
    sudo -n "$@"
  else
    die "not root, and sudo would ask for a password; as root: $*"
  fi
}

apt() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=300 "$@" </dev/null >&2
}

apt_updated=
apt_install() {
  has apt-get || die "please install what is in Debian's packages $*: there is no apt-get here"
  say "installing $*"
  if [ -z "$apt_updated" ]; then
    apt update || say "could not refresh apt's lists; going on with those that are here"
    apt_updated=1
  fi
  apt install -y --no-install-recommends "$@"
}

# Whether apt can install a package at all.
offered() { [ -n "$(apt-cache madison "$1" 2>/dev/null)" ]; }

install_tools() {
  local entry packages=()
  for entry in "${tools[@]}"; do
    # Without musl the executables are linked against glibc: larger, but no reason to stop.
    if [ "$entry" = musl-gcc:musl-tools ] && ! has apt-get; then continue; fi
    has "${entry%%:*}" || packages+=("${entry##*:}")
  done
  # A C compiler alone has no headers.
  if has apt-get && [ ! -e /usr/include/stdio.h ]; then packages+=(libc6-dev); fi
  [ ${#packages[@]} = 0 ] || apt_install "${packages[@]}"
}

install_rust() {
  if ! has cargo && [ -x "$HOME/.cargo/bin/cargo" ]; then
    die "cargo is in $HOME/.cargo/bin, which is not in PATH"
  fi
  if ! has cargo && has apt-get; then
    # The newest that this release has: rustup, or Debian's own up-to-date compiler beside its old one.
    offered rustup || offered cargo-web || apt update
    if offered rustup; then
      apt_install rustup ca-certificates
    elif offered cargo-web; then
      apt_install cargo-web rustc-web
    fi
  fi
  if has rustup && ! cargo --version >/dev/null 2>&1; then rustup -q default stable >&2; fi
  cargo --version >/dev/null 2>&1 || die "cargo is missing: install Rust (https://rustup.rs) and try again"
}

check_node() {
  has node && has npm || die "Node and npm are missing: version 20 or later is needed (https://nodejs.org)"
  local version
  version=$(node --version)
  version=${version#v}
  [ "${version%%.*}" -ge 20 ] || die "Node $version is too old: 20 or later is needed"
}

install_modules() {
  # npm keeps a copy of the lock it installed from; older than ours means that ours has changed since.
  local installed=node_modules/.package-lock.json
  if [ -e "$installed" ] && [ ! package-lock.json -nt "$installed" ]; then return; fi
  say "installing the npm packages of package-lock.json"
  npm ci --no-audit --no-fund --loglevel=error </dev/null >&2
}

# ip, sysctl and their like are not in every user's PATH.
export PATH="$PATH:/usr/sbin:/sbin"
check_node
install_tools
install_rust
install_modules
