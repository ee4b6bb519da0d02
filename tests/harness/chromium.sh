#!/usr/bin/env bash
# Makes sure that Debian's Chromium is there, and prints its path.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
[ -x /usr/bin/chromium ] || "$here/apt.sh" chromium >&2
printf '%s\n' /usr/bin/chromium
