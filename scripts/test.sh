#!/usr/bin/env bash
# The whole gate, as CI runs it: every stage, also after one has failed, then the sum. The last line says how many
# passed, failed and were skipped; the lines above it say which and why.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:/usr/sbin:/sbin"

logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

passed=0
failed=0
skipped=0
lines=()
skips=()

# The counts a stage printed, as "passed failed skipped": its own summary line, or that of Node's test runner.
# A stage without a summary is one check.
counts() {
  local log=$1 status=$2
  awk -v status="$status" '
    match($0, /[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped/) {
      split(substr($0, RSTART, RLENGTH), n, /[^0-9]+/)
      found = 1; found_own = 1; p = n[1]; f = n[2]; s = n[3]
    }
    /^(ℹ|#) (pass|fail|cancelled|skipped|todo) [0-9]+$/ { found = 1; node[$2] = $3; seen = 1 }
    END {
      if (seen && !found_own) {
        p = node["pass"]; f = node["fail"] + node["cancelled"]; s = node["skipped"] + node["todo"]
      }
      if (!found) { p = status == 0; f = status != 0; s = 0 }
      if (status != 0 && f == 0) f = 1
      print p + 0, f + 0, s + 0
    }' "$log"
}

# Names and reasons of skipped tests, as Node ("﹣ name (1ms) # reason") and our own runners ("skip name: reason") say them.
reasons() {
  sed -nE -e 's/^ *﹣ (.*) \([0-9.]+ms\) # (.*)$/\1: \2/p' -e 's/^ok [0-9]+ - (.*) # SKIP (.*)$/\1: \2/p' \
    -e 's/^ *skip(ped)?:? (.*)$/\2/p' "$1" | sort -u
}

stage() {
  local title=$1 status p f s verdict reason
  shift
  printf '\n== %s\n' "$title"
  local start=$SECONDS log="$logs/log"
  "$@" </dev/null 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  read -r p f s < <(counts "$log" "$status")
  passed=$((passed + p))
  failed=$((failed + f))
  skipped=$((skipped + s))
  verdict=ok
  [ "$status" = 0 ] || verdict=FAILED
  lines+=("$(printf '%-6s  %-24s %5d passed %3d failed %3d skipped  %4d s' "$verdict" "$title" "$p" "$f" "$s" $((SECONDS - start)))")
  if [ "$s" -gt 0 ]; then
    while IFS= read -r reason; do skips+=("skipped in $title: $reason"); done < <(reasons "$log")
  fi
  return "$status"
}

summary() {
  printf '\n'
  [ ${#skips[@]} = 0 ] || printf '%s\n' "${skips[@]}"
  printf '%s\n' "${lines[@]}"
  printf 'tscni: %d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  [ "$failed" = 0 ]
  exit
}

# Without the tools nothing else can say anything.
stage "setup" bash scripts/setup.sh || summary
stage "test tools" bash scripts/install-test-tools.sh || summary
stage "format and lint" npx --no-install biome check .
stage "types" npm run --silent types
stage "layers" npm run --silent layers
# The build comes before the tests: it makes the engine, and some look at what was built.
built=yes
stage "build" npm run --silent build || built=
stage "unit tests on Node" npm run --silent test:unit
if [ -n "$built" ]; then
  stage "unit tests on the engine" npm run --silent test:engine
  stage "integration tests" npm run --silent test:integration
else
  skips+=("skipped: the tests on the engine and on the executables, which could not be built")
fi
summary
