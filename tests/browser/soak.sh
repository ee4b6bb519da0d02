#!/usr/bin/env bash
# Clicks about in the UI of the real binary for $MINUTES (3): see soak.mjs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
exec node "$here/soak.mjs"
