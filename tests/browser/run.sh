#!/usr/bin/env bash
# Walks through the UI of the real binary in Debian's Chromium: run.sh [TITLE...]. Pictures go to $SPANLAKE_SCREENSHOTS,
# if it is set.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/prepare.sh"
exec node "$here/main.mjs" "$@"
