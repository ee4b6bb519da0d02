#!/usr/bin/env bash
# A walk through the UI of the real binary in Debian's Chromium. Pictures go to $SPANLAKE_SCREENSHOTS, if it is set.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
CHROMIUM=$("$here/../harness/chromium.sh")
export CHROMIUM
[ "$here/node_modules/.package-lock.json" -nt "$here/package-lock.json" ] ||
  npm ci --prefix "$here" --ignore-scripts --no-audit --no-fund --loglevel=error
exec node "$here/main.mjs"
