#!/usr/bin/env bash
# Runs the unit tests on Node. Arguments narrow the files down: npm run test:unit -- pkg/ip
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

folders=()
for folder in pkg plugins engine scripts libcni cnitool; do
  if [ -d "$folder" ]; then folders+=("$folder"); fi
done
mapfile -t files < <(find "${folders[@]}" -name target -prune -o -name '*.test.ts' -print | sort)

if [ $# -gt 0 ]; then
  wanted=()
  for file in "${files[@]}"; do
    for part in "$@"; do
      if [[ $file == *"$part"* ]]; then
        wanted+=("$file")
        break
      fi
    done
  done
  files=("${wanted[@]}")
fi
if [ ${#files[@]} = 0 ]; then
  echo "no test file fits $*" >&2
  exit 1
fi
# A test that hangs is a failure, not a long wait.
exec node --import tsx --test --test-timeout=120000 --test-reporter=spec "${files[@]}"
