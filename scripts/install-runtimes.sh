#!/usr/bin/env bash
# Installs the container runtimes that drive the plugins in test/integration/runtimes, from Debian, as far as they are
# missing. Never at the cost of another package: where docker's containerd is installed, Debian's is not.
set -euo pipefail

say() { echo "runtimes: $*" >&2; }
. "$(dirname "${BASH_SOURCE[0]}")/apt.sh"

mapfile -t packages < <(missing_packages \
  podman:podman \
  conmon:conmon \
  containerd:containerd \
  ctr:containerd \
  crun:crun \
  busybox:busybox-static)
[ ${#packages[@]} != 0 ] || exit 0
require_apt "${packages[@]}"
say "installing ${packages[*]}"
with_apt_lists apt_install "${packages[@]}"
