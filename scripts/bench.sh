#!/usr/bin/env bash
# Measures the suite beside the reference's, in one run, and writes bench/results.md. --quick: fewer rounds, nothing
# written.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export PATH="$PATH:/usr/sbin:/sbin"

bash scripts/setup.sh
bash scripts/install-reference.sh
bash scripts/install-test-tools.sh
bash scripts/install-dhcp-servers.sh
[ -z "$(scripts/lacking-kinds.sh ipvlan vlan dummy vrf)" ] || bash scripts/install-uml.sh
npm run --silent build -- --multicall --out dist/bench/multicall | tail -n 1
npm run --silent build | tail -n 1
exec bash scripts/in-private-namespaces.sh node --import tsx scripts/bench/bench.ts "$@"
