#!/usr/bin/env bash
# Pictures of every screen into $SPANLAKE_SCREENSHOTS.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
exec node "$here/screenshots.mjs"
