#!/usr/bin/env bash
# Runs the integration tests on the executables, each test in namespaces of its own (test/integration/harness).
# Needs root. Arguments choose files: `npm run test:integration -- bridge signals`.
# TSCNI_BIN names the directory of the executables under test, TSCNI_REFERENCE_BIN that of the reference's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:/usr/sbin:/sbin"

say() { echo "integration: $*" >&2; }

if [ "$(id -u)" != 0 ]; then
  say "these tests make network namespaces and mounts: run them as root (sudo npm run test:integration)"
  exit 1
fi

# command, and the Debian package that has it
install_tools() {
  local entry packages=()
  for entry in ip:iproute2 ping:iputils-ping strace:strace nsenter:util-linux flock:util-linux; do
    command -v "${entry%%:*}" >/dev/null 2>&1 || packages+=("${entry##*:}")
  done
  [ ${#packages[@]} = 0 ] && return
  command -v apt-get >/dev/null 2>&1 || {
    say "please install what is in Debian's packages ${packages[*]}: there is no apt-get here"
    exit 1
  }
  say "installing ${packages[*]}"
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update </dev/null >&2 || say "could not refresh apt's lists; going on with those that are here"
  apt-get -qq install -y --no-install-recommends "${packages[@]}" </dev/null >&2
}

# Whether every executable is there and newer than all it is made of.
is_built() {
  local name
  for name in bridge cnitool host-local loopback; do
    [ -x "dist/bin/$name" ] || return 1
  done
  [ -z "$(find pkg plugins libcni cnitool engine scripts package.json -newer dist/bin/loopback -type f \
    \( -name '*.ts' -o -name '*.rs' -o -name '*.toml' -o -name '*.json' -o -name '*.c' \) \
    ! -name '*.test.ts' ! -path '*/target/*' ! -path '*/testing/*' ! -path 'scripts/bench/*' -print -quit)" ]
}

install_tools
if [ -z "${TSCNI_BIN:-}" ] && ! is_built; then
  say "building"
  npm run --silent build >&2
fi
if [ -z "${TSCNI_REFERENCE_BIN:-}" ]; then
  scripts/install-reference.sh || true # without it the comparisons are skipped, and say so
fi

files=()
for name in "$@"; do files+=("test/integration/${name%.test.ts}.test.ts"); done
[ ${#files[@]} -gt 0 ] || files=(test/integration/*.test.ts)

mkdir -p dist
report=dist/integration.tap
began=$SECONDS
status=0
# Not more at once than there are processors: what measures time must get its turn.
node --import tsx --test --test-concurrency="$(nproc)" \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=tap --test-reporter-destination="$report" \
  "${files[@]}" || status=$?

count() { sed -n "s/^# $1 //p" "$report" | tail -1; }
echo
echo "integration: $(count pass) passed, $(count fail) failed, $(count skipped) skipped in $((SECONDS - began)) s"
# Each reason once, with how many tests it kept from running.
sed -n 's/^ *ok .* # SKIP *//p' "$report" | sort | uniq -c |
  while read -r number reason; do echo "integration: skipped $number: $reason"; done
exit "$status"
