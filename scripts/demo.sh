#!/usr/bin/env bash
# Shows the plugins at work: installs what is missing, builds, and attaches two containers in namespaces of their own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:/usr/sbin:/sbin"

bash scripts/setup.sh
echo "building the executables (the engine takes a minute the first time) ..."
npm run --silent build | tail -n 1
exec bash scripts/in-private-namespaces.sh node --import tsx scripts/demo/demo.ts
