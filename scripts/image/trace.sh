#!/usr/bin/env bash
# `npm run hot`: builds the suite, has valgrind watch what plugins touch of their images, and writes hot.txt. As root.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
export PATH="$PATH:/usr/sbin:/sbin"

bash scripts/setup.sh
bash scripts/install-test-tools.sh valgrind:valgrind
npm run --silent build | tail -n 1
exec bash scripts/in-private-namespaces.sh node --import tsx scripts/image/trace.ts
