#!/usr/bin/env bash
# Makes a Python environment with pinned packages, outside the source tree, and prints its directory:
#   venv.sh NAME REQUIREMENTS
# One that was made from the same requirements is used again.
set -euo pipefail
name=$1 requirements=$2
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
venv=${SPANLAKE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/spanlake}/venv-$name
stamp=$(python3 --version; cat "$requirements")
if [ ! -f "$venv/stamp" ] || [ "$(cat "$venv/stamp")" != "$stamp" ]; then
  rm -rf "$venv"
  mkdir -p "$(dirname "$venv")"
  # Debian keeps ensurepip in a package of its own.
  python3 -m venv "$venv" >&2 || { "$here/apt.sh" python3-venv >&2; rm -rf "$venv"; python3 -m venv "$venv" >&2; }
  "$venv/bin/pip" install --quiet --disable-pip-version-check --requirement "$requirements" >&2
  printf '%s' "$stamp" >"$venv/stamp"
fi
printf '%s\n' "$venv"
