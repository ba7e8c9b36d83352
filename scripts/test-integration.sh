#!/usr/bin/env bash
# Runs the integration tests on the executables, each test in namespaces of its own (test/integration/harness).
# Needs root. Arguments choose files: `npm run test:integration -- bridge signals`.
# TSCNI_BIN names the directory of the executables under test, TSCNI_REFERENCE_BIN that of the reference's.
# A test file that begins with "// kernel: vlan dummy" needs these kinds of links. What the running kernel lacks is tested
# under a User-Mode Linux kernel (scripts/uml.sh): Debian's, or the one that TSCNI_UML_KERNEL names.
# Up to four files that failed are run once more, one at a time; what passed only then is told.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:/usr/sbin:/sbin"

say() { echo "integration: $*" >&2; }

if [ "$(id -u)" != 0 ]; then
  say "these tests make network namespaces and mounts: run them as root (sudo npm run test:integration)"
  exit 1
fi

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

scripts/install-test-tools.sh
if [ -z "${TSCNI_BIN:-}" ] && ! is_built; then
  say "building"
  npm run --silent build >&2
fi
if [ -z "${TSCNI_REFERENCE_BIN:-}" ]; then
  scripts/install-reference.sh || true # without it the comparisons are skipped, and say so
fi
scripts/install-runtimes.sh || true # the same for their tests
scripts/install-firewalld.sh || true
scripts/install-dhcp-servers.sh # without them nothing would show that dhcp works

files=()
for name in "$@"; do files+=("test/integration/${name%.test.ts}.test.ts"); done
[ ${#files[@]} -gt 0 ] || files=(test/integration/*.test.ts test/integration/runtimes/*.test.ts)

# Which files this kernel cannot run. One boot of the other kernel serves them all.
kinds_of() { sed -n '1s,^// kernel: ,,p' "$1"; }
mapfile -t kinds < <(for file in "${files[@]}"; do kinds_of "$file"; done | tr ' ' '\n' | sort -u)
lacking=
[ ${#kinds[@]} = 0 ] || lacking=" $(scripts/lacking-kinds.sh "${kinds[@]}" | tr '\n' ' ')"
here=() elsewhere=()
for file in "${files[@]}"; do
  missing=
  for kind in $(kinds_of "$file"); do [[ $lacking != *" $kind "* ]] || missing=$kind; done
  if [ -n "$missing" ]; then elsewhere+=("$file"); else here+=("$file"); fi
done

mkdir -p dist/integration
rm -f dist/integration/*.tap
began=$SECONDS
status=0

# Runs test files, as many at once as the first argument says; the second names the report.
run_files() {
  local at_once=$1 report=$2
  shift 2
  node --import tsx --test --test-concurrency="$at_once" \
    --test-reporter=spec --test-reporter-destination=stdout \
    --test-reporter=tap --test-reporter-destination="$report" "$@"
}

# Under the other kernel, whose one processor runs one file at a time.
run_elsewhere() {
  local report=$1
  shift
  scripts/uml.sh -o dist/integration -t 1800 \
    bash -c "$(declare -f run_files)"$'\n''run_files 1 "$TSCNI_UML_SHARE/$1" "${@:2}"' \
    run_files "$report" "$@"
}

# The files with a failed test in a report; none where the run was cut short.
failed_in() {
  [ -e "$1" ] || return 0
  awk -v quote="'" '
    /^ *not ok / { failed = 1 }
    failed && /location:/ {
      split($0, part, quote)
      sub(/:[0-9]+:[0-9]+$/, "", part[2])
      print part[2]
      failed = 0
    }' "$1" | sort -u
}

# The test files that these files are, or use: what a module of the harness declares runs in each that imports it.
test_files() {
  local file
  while read -r file; do
    case $file in
      *.test.ts) echo "${file#"$PWD/"}" ;;
      *) grep -l "/${file##*/}\"" "${files[@]}" || true ;;
    esac
  done | sort -u
}

# Runs files by a function; those that failed once more, one at a time: a test may have been disturbed by its
# neighbour, and a fault fails it again. What passed only then is told.
run_twice() {
  local name=$1 first=0 again
  shift
  "$@" || first=$?
  [ "$first" != 0 ] || return 0
  mapfile -t again < <(failed_in "dist/integration/$name.tap" | test_files)
  [ ${#again[@]} -gt 0 ] && [ ${#again[@]} -le 4 ] || return "$first"
  say "once more, one at a time: ${again[*]##*/}"
  case $name in
    here) run_files 1 dist/integration/here-again.tap "${again[@]}" ;;
    *) run_elsewhere elsewhere-again.tap "${again[@]}" ;;
  esac
}

# Not more at once than there are processors: what measures time must get its turn.
[ ${#here[@]} = 0 ] ||
  run_twice here run_files "$(nproc)" dist/integration/here.tap "${here[@]}" || status=$?

if [ ${#elsewhere[@]} -gt 0 ]; then
  scripts/install-uml.sh
  say "under a User-Mode Linux kernel, as this one has no$lacking: ${elsewhere[*]#test/integration/}"
  run_twice elsewhere run_elsewhere elsewhere.tap "${elsewhere[@]}" || status=$?
fi

reports=()
for name in here elsewhere; do
  [ ! -e "dist/integration/$name.tap" ] || reports+=("dist/integration/$name.tap")
done
# How many tests ended in a way when they were run first.
count() {
  cat "${reports[@]}" | sed -n "s/^# $1 //p" | awk '{ sum += $1 } END { print sum + 0 }'
}

passed=$(count pass)
failed=$(count fail)
for name in here elsewhere; do
  [ -e "dist/integration/$name-again.tap" ] || continue
  was=$(sed -n 's/^# fail //p' "dist/integration/$name.tap")
  is=$(sed -n 's/^# fail //p' "dist/integration/$name-again.tap")
  passed=$((passed + was - is)) failed=$((failed - was + is))
  echo "integration: $((was - is)) of $was failed tests passed when run once more, one file at a time"
done
echo
if [ ${#elsewhere[@]} -gt 0 ]; then
  echo "integration: ran under User-Mode Linux: ${elsewhere[*]#test/integration/}"
fi
echo "integration: $passed passed, $failed failed, $(count skipped) skipped in $((SECONDS - began)) s"
# Each reason once, with how many tests it kept from running.
sed -n 's/^ *ok .* # SKIP *//p' "${reports[@]}" | sort | uniq -c |
  while read -r number reason; do echo "integration: skipped $number: $reason"; done
exit "$status"
