#!/usr/bin/env bash
# Installs what scripts/uml.sh needs, from Debian, as far as it is missing.
set -euo pipefail
exec "$(dirname "${BASH_SOURCE[0]}")/install-test-tools.sh" \
  "${TSCNI_UML_KERNEL:-linux.uml}:user-mode-linux" busybox:busybox-static modprobe:kmod
