# Debian's packages for the scripts that install some; to be sourced by one that defines `say`.

export PATH="$PATH:/usr/sbin:/sbin"
export DEBIAN_FRONTEND=noninteractive

# The packages of the commands that are missing, a line each; the arguments are COMMAND:PACKAGE.
missing_packages() {
  local entry
  for entry in "$@"; do
    command -v "${entry%%:*}" >/dev/null 2>&1 || echo "${entry##*:}"
  done | sort -u
}

# Fails where these packages cannot be installed, and says so.
require_apt() {
  [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null 2>&1 || return 0
  say "missing: $* (Debian's packages); install them as root"
  return 1
}

# Installs packages, never at the cost of another one.
apt_install() {
  apt-get -qq -o DPkg::Lock::Timeout=300 install -y --no-install-recommends --no-remove "$@" </dev/null >&2
}

# Runs something that goes by apt's lists: where it fails, once more by fresh ones.
with_apt_lists() {
  "$@" && return
  apt-get -qq update </dev/null >&2 || say "could not refresh apt's lists; going on with those that are here"
  "$@"
}
