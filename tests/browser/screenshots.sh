#!/usr/bin/env bash
# Pictures of every screen, or of those named, into $SPANLAKE_SCREENSHOTS: screenshots.sh [NAME...].
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
exec node "$here/screenshots.mjs" "$@"
